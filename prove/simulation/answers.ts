import type { Answer, RefusalReason, Said } from '../../src/connectors/index.ts'
import type { Faults } from './faults.ts'
import type { Transfer } from './books.ts'

/** A refusal as the rail words it. */
export const refusalOf = (reason: RefusalReason, retryable: boolean): Answer => ({
  kind: 'refused',
  reason,
  retryable,
  said: { http_status: reason === 'RAIL_BUSY' ? 429 : 400 },
})

/** Neither paid nor refused yet: what a rail says of what it still works on. */
export const pending = (because: string): Answer => ({
  kind: 'unknown',
  because,
  prepared: true,
  said: { http_status: 200, rail_state: because },
})

/** What the rail says of a transfer that it knows. */
export function tell(transfer: Transfer, faults: Faults): Answer {
  const { order, state, amount, fee, reason, retryable } = transfer
  if (state === 'PENDING' || state === 'WAITING') return pending('PENDING')
  if (state === 'REFUSED')
    return transfer.because_of_us
      ? { kind: 'stop', because: reason, refused: true, said: { rail_code: '4001' } }
      : refusalOf(reason, retryable)
  if (faults.strike('rail: says RESERVED')) return pending('RESERVED')
  const said: Said = { http_status: 200 }
  const { currency, payee, reference } = order
  const right = { kind: 'paid', amount, fee, currency, payee, reference, said } as const
  if (faults.strike('rail: names a wrong amount')) return { ...right, amount: amount + 1n }
  if (faults.strike('rail: names a wrong currency'))
    return { ...right, currency: currency === 'XOF' ? 'XAF' : 'XOF' }
  if (faults.strike('rail: names a wrong party'))
    return { ...right, payee: { ...payee, identifier: 'somebody' } }
  return right
}
