import { hash } from 'node:crypto'
import { isMojaloopCode } from './codes.ts'

/** The shapes in which the scheme adapter answers, v18 and v24, read leniently: extra properties mean nothing. */
export type Json = { readonly [key: string]: unknown }

/** An amount on the wire. `amount` is absent when it is not a whole number of minor units (XAF and XOF have none). */
export type WireMoney = { readonly currency: string; readonly amount?: bigint }

/** What one answer tells about one transfer. */
export type TransferView = {
  readonly transfer_id: string | undefined
  readonly home_reference: string | undefined
  readonly current_state: string | undefined
  readonly fulfil_state: string | undefined
  readonly fulfilment: string | undefined
  readonly condition: string | undefined
  /** What the payer was asked for at the adapter: an echo of the order. */
  readonly asked: WireMoney | undefined
  /** What leaves the payer: the prepared amount, else the quoted one. */
  readonly cost: WireMoney | undefined
  /** What the payee receives, from the quote. */
  readonly receives: WireMoney | undefined
  /** As it was written; `readDate` reads it. */
  readonly quote_expiration: unknown
  /** The payee's name as their own institution gives it. */
  readonly payee_name: string | undefined
  /** Every place that names the payee. */
  readonly payees: readonly { readonly type: string; readonly identifier: string }[]
  /**
   * True when the adapter may have sent the prepare to the hub. It notes `prepare` only after the hub's 202 came
   * back, so once there is a quote, its absence proves nothing.
   */
  readonly may_be_prepared: boolean
  readonly error: RailError
}
export type RailError = {
  readonly code: string | undefined
  readonly http_status: number | undefined
  readonly description: string | undefined
}

const MAX_NESTED_TEXT = 65_536

/** An object, or the object in a JSON text (v18 nests bodies as strings); arrays and all else are nothing. */
export function asObject(value: unknown): Json | undefined {
  const parsed =
    typeof value === 'string' && value.startsWith('{') && value.length <= MAX_NESTED_TEXT
      ? parseText(value)
      : value
  return isObject(parsed) ? parsed : undefined
}

export function parseBody(body: Buffer): Json | undefined {
  const parsed = parseText(body.toString('utf8'))
  return isObject(parsed) ? parsed : undefined
}

export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseText(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined // not JSON is an answer like another: the caller finds no object
  }
}

/** `{"currency":"XOF","amount":"10000"}`; v24 coerces numbers, so numbers are read too. */
export function readMoney(value: unknown): WireMoney | undefined {
  const money = asObject(value)
  return money ? moneyOf(money['currency'], money['amount']) : undefined
}

function moneyOf(currency: unknown, amount: unknown): WireMoney | undefined {
  if (typeof currency !== 'string') return undefined
  const digits = /^(\d{1,18})(?:\.0{1,4})?$/.exec(
    typeof amount === 'number' ? String(amount) : (text(amount) ?? ''),
  )
  return digits?.[1] ? { currency, amount: wholeOf(digits[1]) } : { currency }
}

/** The last amount read: one answer names the same amount four times. */
let last = { digits: '0', amount: 0n }

function wholeOf(digits: string): bigint {
  if (last.digits !== digits) last = { digits, amount: BigInt(digits) }
  return last.amount
}

export function readDate(value: unknown): Date | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN
  return Number.isNaN(ms) ? undefined : new Date(ms)
}

/** Reads a transfer object: the root of a 200, or `transferState` of an error. */
export function viewOf(state: Json): TransferView {
  const prepare = bodyIn(state['prepare'])
  const quote = bodyIn(state['quoteResponse'])
  const fulfil = bodyIn(state['fulfil'])
  return {
    transfer_id: text(state['transferId']),
    home_reference: text(state['homeTransactionId']),
    current_state: text(state['currentState']),
    fulfil_state: text(fulfil?.['transferState']),
    fulfilment: text(fulfil?.['fulfilment']),
    condition: text(prepare?.['condition']) ?? text(quote?.['condition']),
    asked: moneyOf(state['currency'], state['amount']),
    cost: readMoney(prepare?.['amount']) ?? readMoney(quote?.['transferAmount']),
    receives: readMoney(quote?.['payeeReceiveAmount']),
    quote_expiration: quote?.['expiration'],
    payee_name: nameIn(bodyIn(state['getPartiesResponse'])),
    payees: payeesIn(state),
    may_be_prepared: ['prepare', 'fulfil', 'quoteResponse'].some((key) => (state[key] ?? null) !== null),
    error: errorIn(state['lastError']),
  }
}

/** `{body:{…},headers:{…}}` (v24), `{body:"<json>"}` (v18) or the body itself. */
export function bodyIn(value: unknown): Json | undefined {
  const holder = asObject(value)
  return holder ? (asObject(holder['body']) ?? asObject(holder['data']) ?? holder) : undefined
}

function payeesIn(state: Json): TransferView['payees'] {
  const found: { type: string; identifier: string }[] = []
  const to = asObject(state['to'])
  add(found, to?.['idType'], to?.['idValue'])
  const quoted = asObject(asObject(bodyIn(state['quoteRequest'])?.['payee'])?.['partyIdInfo'])
  add(found, quoted?.['partyIdType'], quoted?.['partyIdentifier'])
  return found
}

function nameIn(body: Json | undefined): string | undefined {
  const party = asObject(body?.['party']) ?? body
  const name = text(party?.['name'])?.trim().slice(0, 128)
  return name === '' ? undefined : name
}

function add(found: { type: string; identifier: string }[], type: unknown, identifier: unknown): void {
  if (typeof type === 'string' && typeof identifier === 'string') found.push({ type, identifier })
}

/** `lastError`: v24 an object, v18 also a JSON text, with the hub's answer at several depths. */
export function errorIn(value: unknown): RailError {
  const error = asObject(value)
  if (!error) return { code: undefined, http_status: undefined, description: undefined }
  const information =
    informationIn(error['mojaloopError']) ??
    informationIn(error) ??
    informationIn(bodyIn(error['res'])) ??
    informationIn(bodyIn(error['response']))
  const code = information?.['errorCode']
  const status = error['httpStatusCode']
  return {
    code: isMojaloopCode(code) ? code : undefined,
    http_status: typeof status === 'number' ? status : undefined,
    description: text(information?.['errorDescription']),
  }
}

export const informationIn = (value: unknown): Json | undefined =>
  asObject(asObject(value)?.['errorInformation'])

/** ILP: the condition is the SHA-256 of the 32 bytes of the fulfilment, both in base64url. */
export function fulfils(fulfilment: string, condition: string): boolean {
  const preimage = Buffer.from(fulfilment, 'base64url')
  return preimage.length === 32 && hash('sha256', preimage, 'base64url') === condition.replace(/=+$/, '')
}
