import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { openDurableLog } from '../durable-log.ts'
import type { MtnSettings } from '../settings.ts'
import type { MtnFault } from './fault-kinds.ts'
import { endingOf } from './magic.ts'

/** One payment that MTN has taken, and how it ends. Written down before the client is answered. */
export type MtnPayment = {
  readonly k: 'taken'
  /** The client's X-Reference-Id. */
  readonly reference: string
  readonly amount: number
  readonly currency: string
  readonly external_id: string
  /** MSISDN or e-mail address. */
  readonly party: string
  readonly party_type: string
  readonly payer_message: string
  readonly payee_note: string
  readonly at: number
  /** Null: never. */
  readonly ends_at: number | null
  readonly end:
    | {
        readonly status: 'SUCCESSFUL'
        readonly transaction: string
        readonly amount: number
        readonly party: string
      }
    | { readonly status: 'FAILED'; readonly reason: string }
}

export type NewPayment = Omit<MtnPayment, 'k' | 'at' | 'ends_at' | 'end'>
type Line =
  MtnPayment | { readonly k: 'user'; readonly id: string; readonly host: string; readonly api_key?: string }

export type MtnPayments = {
  readonly find: (reference: string) => MtnPayment | undefined
  /** `done` runs once it is written down. `fault` bends how it ends. */
  readonly take: (payment: NewPayment, fault: MtnFault | undefined, done: () => void) => void
  readonly hasEnded: (payment: MtnPayment) => boolean
  /** What was really paid, in the order in which it was taken. */
  readonly paid: () => readonly MtnPayment[]
  /** What is left in the wallet that pays, in the currency's units. */
  readonly balance: () => number
  readonly user: (id: string) => { readonly host: string; readonly api_key?: string } | undefined
  readonly putUser: (
    id: string,
    user: { readonly host: string; readonly api_key?: string },
    done: () => void,
  ) => void
  readonly close: () => void
}

/** Reads `mtn-momo.jsonl` back: payments, and the users that were made. */
export function openMtnPayments({
  folder,
  clock,
  settings,
}: {
  readonly folder: string
  readonly clock: Clock
  readonly settings: () => MtnSettings
}): MtnPayments {
  const payments = new Map<string, MtnPayment>()
  const users = new Map<string, { readonly host: string; readonly api_key?: string }>()
  let promised = 0
  const keep = (line: Line): void => {
    if (line.k === 'user') return void users.set(line.id, line)
    payments.set(line.reference, line)
    if (line.end.status === 'SUCCESSFUL') promised += line.end.amount
  }
  const log = openDurableLog(join(folder, 'mtn-momo.jsonl'), (text) => keep(JSON.parse(text) as Line))
  const write = (line: Line, done: () => void): void => {
    // Kept at once: a second call under the same reference in this moment must find the first.
    keep(line)
    log.append(JSON.stringify(line), done)
  }
  const balance = (): number => settings().float - promised
  const hasEnded = ({ ends_at }: MtnPayment): boolean => ends_at !== null && ends_at <= clock.now()
  return {
    find: (reference) => payments.get(reference),
    take: (payment, fault, done) => {
      const at = clock.now()
      const { end, after_ms } = endOf(payment, fault, balance())
      const ends_at = after_ms === null ? null : at + settings().processing_ms + after_ms
      write({ ...payment, k: 'taken', at, ends_at, end }, done)
    },
    hasEnded,
    paid: () => [...payments.values()].filter((one) => one.end.status === 'SUCCESSFUL' && hasEnded(one)),
    balance,
    user: (id) => users.get(id),
    putUser: (id, user, done) => write({ k: 'user', id, ...user }, done),
    close: log.close,
  }
}

function endOf(
  { party, amount }: NewPayment,
  fault: MtnFault | undefined,
  balance: number,
): { readonly end: MtnPayment['end']; readonly after_ms: number | null } {
  const ending = endingOf(party)
  const transaction = String(randomInt(1e9, 2 ** 47))
  if (fault === 'pending_forever' || ending.kind === 'never')
    return { end: { status: 'FAILED', reason: 'EXPIRED' }, after_ms: null }
  if (ending.kind === 'failed') return { end: { status: 'FAILED', reason: ending.reason }, after_ms: 0 }
  if (fault === 'insufficient_float' || amount > balance)
    return { end: { status: 'FAILED', reason: 'NOT_ENOUGH_FUNDS' }, after_ms: 0 }
  const after_ms = ending.kind === 'paid' ? ending.after_ms : 0
  return {
    end: {
      status: 'SUCCESSFUL',
      transaction,
      amount: fault === 'amount_mismatch' ? amount + 1 : amount,
      party: fault === 'party_mismatch' ? '237670999999' : party,
    },
    after_ms,
  }
}
