import { randomBytes } from 'node:crypto'
import { uuidV4From } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Outbound } from '../../platform/outbound.ts'
import type { Answer, Order, PayoutRail, RailHabits } from '../rail.ts'
import { openHttp } from './http.ts'
import type { Http, HttpResult } from './http.ts'
import { parseBody, readDate, text } from './shape.ts'
import { checkQuote } from './quote.ts'
import { payStepwise } from './stepwise.ts'
import { OWN_ID, readTransfer, refused, STRICT, unknown } from './verdict.ts'
import type { Ask, Verdict, Waiting } from './verdict.ts'
import { openWatch } from './watch.ts'
import { probeRequest, transferRequest } from './wire.ts'

export type MojaloopOptions = {
  /** The scheme adapter's outbound API, such as http://127.0.0.1:4001, with `/{dfspId}` where it serves several. */
  readonly url: string
  /** Longest wait for one answer; the adapter takes up to three of its own time-outs (3 × 30 s). */
  readonly timeout_ms?: number
  /** `auto`: asked of the adapter. `two-phase` needs AUTO_ACCEPT_QUOTES=false at the adapter. */
  readonly mode: 'auto' | 'two-phase' | 'stepwise'
  /** How long a transfer that we prepare ourselves may wait at the rail, seconds. */
  readonly expiry_s: number
  readonly connections: number
  /** Our id in the scheme, for stepwise; learned from the adapter's answers when absent. */
  readonly dfsp_id?: string
  readonly log: Log
  readonly outbound: Outbound
}

type Mode = 'one-call' | 'two-phase' | 'stepwise'

const TIMEOUT_MS = 100_000
/** The adapter halts at most for the party, the quote and a conversion. */
const MAX_HALTS = 3
const PAYS_AT_ONCE = 'two-phase is configured but the adapter paid at once: set AUTO_ACCEPT_QUOTES=false'

const habitsOf: Readonly<Record<Mode, RailHabits>> = {
  'one-call': { deduplicates: true, makes_reference: false, mode: 'one-call' },
  'two-phase': { deduplicates: false, makes_reference: true, mode: 'two-phase' },
  stepwise: { deduplicates: true, makes_reference: false, mode: 'stepwise' },
}

/**
 * Pays through a Mojaloop SDK scheme adapter; `probe` decides how. When an answer shows that the adapter does not keep
 * to it, `pay` answers `stop` and sends nothing: in two-phase until the next `probe`, else until the next start.
 */
export function openMojaloop(options: MojaloopOptions): PayoutRail {
  const { mode: wanted, log } = options
  const timeout_ms = options.timeout_ms ?? TIMEOUT_MS
  const http = openHttp({ ...options, timeout_ms })
  let mode: Mode | undefined
  let ignores_our_id = false
  let twoPhase = canaryFirst((order) => payTwoPhase(http, options.expiry_s, order))

  const watch = openWatch(http, timeout_ms)

  const payNow = async (order: Order, mayMove: () => boolean): Promise<Answer> => {
    if (mode === undefined) throw new Error('mojaloop: pay before probe')
    if (ignores_our_id) return { kind: 'stop', because: `${OWN_ID}; set MOJALOOP_MODE=stepwise`, said: {} }
    if (mode === 'two-phase') return twoPhase(order)
    if (mode === 'stepwise') return payStepwise(http, options, order, mayMove)
    const answer = await payInOneCall(http, order, mayMove)
    if (answer.kind === 'stop' && answer.because === STRICT) {
      // The adapter was replaced since the probe. It refused before it did anything, and own ids stay own ids.
      log.warn({ rail: 'mojaloop' }, 'the scheme adapter no longer takes our transferId; paying stepwise')
      mode = 'stepwise'
      return payStepwise(http, options, order, mayMove)
    }
    if ((answer.kind === 'mismatch' || answer.kind === 'unknown') && answer.because === OWN_ID) {
      log.error({ rail: 'mojaloop' }, 'the scheme adapter ignores our transferId; nothing more is sent')
      ignores_our_id = true
    }
    return answer
  }

  return {
    name: 'mojaloop',
    probe: async () => {
      mode = modeFor(wanted, await probeStrict(http))
      twoPhase = canaryFirst((order) => payTwoPhase(http, options.expiry_s, order))
      return habitsOf[mode]
    },
    pay: (order, mayMove = () => true) => watch.over(order, () => payNow(order, mayMove)),
    confirm: async (order, rail_reference) => {
      const verdict = await accept(http, order, rail_reference, 'confirm', { acceptQuote: true })
      return verdict.kind === 'waiting' ? haltedFor(http, order, verdict) : verdict
    },
    find: async (order, reference) => {
      const result = await http.call('GET', `/transfers/${encodeURIComponent(reference)}`)
      return settled(read(result, order, { phase: 'find', transfer_id: reference }))
    },
    close: http.close,
  }
}

/** Our own transferId in one call where it is taken; else what is configured, or own ids in three calls. */
function modeFor(wanted: MojaloopOptions['mode'], strict: boolean): Mode {
  if (wanted === 'stepwise') return 'stepwise'
  if (!strict) return 'one-call'
  return wanted === 'two-phase' ? 'two-phase' : 'stepwise'
}

/**
 * True when the adapter refuses properties that its document does not name, our transferId among them. Throws when
 * nothing answers, or not a scheme adapter.
 */
async function probeStrict(http: Http): Promise<boolean> {
  const result = await http.call('POST', '/transfers', probeRequest(uuidV4From(randomBytes(16))))
  if (result.kind !== 'answer')
    throw new Error(`mojaloop: the scheme adapter does not answer: ${result.because}`)
  const message = text(parseBody(result.body)?.['message'])
  if (result.status !== 400 || message === undefined || message.includes("Couldn't match path")) {
    throw new Error(
      `mojaloop: this is not a scheme adapter: HTTP ${result.status} to a transfer without amount`,
    )
  }
  return /additional propert/i.test(message)
}

/** One call with our own transferId; where the adapter halts for our word, the word is given. */
async function payInOneCall(http: Http, order: Order, mayMove: () => boolean): Promise<Answer> {
  const ask: Ask = { phase: 'pay', transfer_id: order.reference }
  let verdict = read(
    await http.call('POST', '/transfers', transferRequest(order, order.reference)),
    order,
    ask,
  )
  for (let halts = 0; verdict.kind === 'waiting' && halts < MAX_HALTS; halts++) {
    if (verdict.for === 'conversion') return haltedFor(http, order, verdict)
    if (verdict.for === 'quote') {
      const check = checkQuote(verdict.view, order, verdict.said)
      if (check.kind !== 'accepted') return decline(http, order, verdict, check)
    }
    if (!mayMove()) return unknown('the lease was over before the acceptance', verdict.said)
    const word = verdict.for === 'party' ? { acceptParty: true } : { acceptQuote: true }
    verdict = await accept(http, order, order.reference, 'pay', word)
  }
  return settled(verdict)
}

/** The adapter makes the id: everything up to the quote, whose acceptance (`confirm`) alone moves money. */
async function payTwoPhase(http: Http, expiry_s: number, order: Order): Promise<Answer> {
  const ask: Ask = { phase: 'pay', transfer_id: undefined }
  let verdict = read(await http.call('POST', '/transfers', transferRequest(order, undefined)), order, ask)
  if (verdict.kind === 'waiting' && verdict.for === 'party') {
    verdict = await accept(http, order, verdict.transfer_id, 'pay', { acceptParty: true })
  }
  if (verdict.kind !== 'waiting') return verdict
  if (verdict.for !== 'quote') return haltedFor(http, order, verdict)
  const check = checkQuote(verdict.view, order, verdict.said)
  if (check.kind !== 'accepted') return decline(http, order, verdict, check)
  return {
    kind: 'quoted',
    rail_reference: verdict.transfer_id,
    fee: check.fee,
    expires_at: readDate(verdict.view.quote_expiration) ?? new Date(Date.now() + expiry_s * 1000),
    said: verdict.said,
  }
}

/**
 * Lets one order go first, alone, until one comes back `quoted`: an adapter that pays at once in spite of the
 * configuration is found out with one order and not with a window of them.
 */
function canaryFirst(pay: (order: Order) => Promise<Answer>): (order: Order) => Promise<Answer> {
  let proven = false
  let broken = false
  let canary: Promise<unknown> | undefined
  const first = async (order: Order): Promise<Answer> => {
    const answer = await pay(order)
    proven = answer.kind === 'quoted'
    broken = answer.kind === 'paid' || answer.kind === 'mismatch'
    return answer
  }
  return async (order) => {
    while (!proven && canary) await canary
    if (broken) return { kind: 'stop', because: PAYS_AT_ONCE, said: {} }
    if (proven) return pay(order)
    const answer = first(order).finally(() => (canary = undefined))
    canary = answer
    return answer
  }
}

/** The adapter halts where nothing of ours halts: a currency conversion, or the quote once more. */
async function haltedFor(http: Http, order: Order, waiting: Waiting): Promise<Answer> {
  if (waiting.for !== 'conversion')
    return unknown(`the adapter waits for the ${waiting.for} again`, waiting.said)
  const message = 'a currency conversion is needed; none was ordered'
  return decline(http, order, waiting, refused('QUOTE_REFUSED', false, { ...waiting.said, message }))
}

/** Says no. Whether the adapter hears it or not, nobody says yes: the order is refused, unless it says it has paid. */
async function decline(http: Http, order: Order, waiting: Waiting, refusal: Answer): Promise<Answer> {
  const word = waiting.for === 'conversion' ? { acceptConversion: false } : { acceptQuote: false }
  const verdict = await accept(http, order, waiting.transfer_id, 'confirm', word)
  return verdict.kind === 'paid' || verdict.kind === 'mismatch' ? verdict : refusal
}

async function accept(
  http: Http,
  order: Order,
  transfer_id: string,
  phase: 'pay' | 'confirm',
  word: object,
): Promise<Verdict> {
  const result = await http.call('PUT', `/transfers/${encodeURIComponent(transfer_id)}`, word)
  return read(result, order, { phase, transfer_id })
}

const read = (result: HttpResult, order: Order, ask: Ask): Verdict =>
  result.kind === 'answer' ? readTransfer(result, order, ask) : { ...result, said: {} }

const settled = (verdict: Verdict): Answer =>
  verdict.kind === 'waiting'
    ? unknown(`the adapter still waits for the ${verdict.for}`, verdict.said)
    : verdict
