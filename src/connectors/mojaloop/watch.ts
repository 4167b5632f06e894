import type { Answer, Order } from '../rail.ts'
import type { Http } from './http.ts'
import { readParty } from './steps.ts'
import { wireIdentifier } from './wire.ts'

/** The adapter resolves nobody any more, although it takes our calls. */
export const WEDGED =
  'the scheme adapter takes our calls but resolves no payee any more, not even our own account: restart it'

/**
 * Tells a payee who cannot be reached from an adapter that reaches nobody. SDK 18 loses its own Redis subscriptions
 * when callbacks for one channel meet (its `GET /` still says 200): every look-up then ends in a time-out, or never.
 */
export type Watch = {
  /** Makes one payment. While the adapter is under suspicion, nothing is sent before it has resolved our own account. */
  readonly over: (order: Order, pay: () => Promise<Answer>) => Promise<Answer>
}

export function openWatch(http: Http, timeout_ms: number): Watch {
  let suspected = false
  let asking: Promise<boolean> | undefined
  const isWedged = async (order: Order): Promise<boolean> => {
    asking ??= resolvesNobody(http, order).finally(() => (asking = undefined))
    const wedged = await asking
    suspected = wedged
    return wedged
  }
  return {
    over: async (order, pay) => {
      if (suspected && (await isWedged(order))) return { kind: 'stop', because: WEDGED, said: {} }
      const started = performance.now()
      const answer = await pay()
      const silent = answer.kind === 'unknown' && answer.said.http_status === undefined
      if (silent && performance.now() - started > 0.9 * timeout_ms) suspected = true
      const unresolved = answer.kind === 'refused' && answer.reason === 'PAYEE_UNAVAILABLE'
      if (!unresolved || answer.said.rail_code?.length === 4 || !(await isWedged(order))) return answer
      // The rail refused this reference, but for no fault of its payee: a new attempt that is not counted.
      return { kind: 'stop', because: WEDGED, refused: true, said: answer.said }
    },
  }
}

/**
 * Looks up our own account, which nobody pays at the same time (two look-ups of one party at once are what wedges SDK
 * 18). Any result is one, «not found» too; only the adapter's own time-out tells that it resolves nobody.
 */
async function resolvesNobody(http: Http, order: Order): Promise<boolean> {
  const { payer } = order
  const path = `/parties/${payer.type}/${encodeURIComponent(wireIdentifier(payer))}`
  const result = await http.call('GET', path)
  if (result.kind !== 'answer') return false
  const found = readParty(result, { ...order, payee: payer })
  return (
    found.kind === 'refused' && found.reason === 'PAYEE_UNAVAILABLE' && found.said.rail_code?.length !== 4
  )
}
