import { costs, looksUp, receives } from './call.ts'
import type { Call, SdkParty, Stage } from './call.ts'
import { httpDateOf, isoOf } from './dates.ts'
import type { ErrorInformation } from './magic.ts'
import { nameOf } from './names.ts'
import { hexId } from './random-ids.ts'

const order: readonly Stage[] = [
  'start',
  'asked-party',
  'party',
  'asked-quote',
  'quoted',
  'prepared',
  'fulfilled',
]
const rank = new Map(order.map((stage, i) => [stage, i]))

/** True when the model has come at least so far. */
export const reached = (call: Call, stage: Stage): boolean =>
  (rank.get(call.stage) ?? 0) >= (rank.get(stage) ?? 0)

export const DATE_OF_BIRTH = '1990-01-02'
const text = (value: unknown): string => JSON.stringify(value)

/** The body of a successful look-up of a party (FSPIOP PUT /parties). */
export function partyBody(type: string, identifier: string, currency: string, other_name: boolean): string {
  const name = nameOf(identifier, other_name)
  return `{"party":{"partyIdInfo":{"partyIdType":"${type}","partyIdentifier":${text(identifier)},"fspId":"payeefsp"},"name":"${name.first} ${name.last}","personalInfo":{"complexName":{"firstName":"${name.first}","lastName":"${name.last}"},"dateOfBirth":"${DATE_OF_BIRTH}"},"supportedCurrencies":["${currency}"]}}`
}

/** Headers of a callback from the hub. */
export const inboundHeaders = (kind: string, source: string, at_ms: number, length: number): string =>
  `{"content-type":"application/vnd.interoperability.${kind}+json;version=1.1","date":"${httpDateOf(at_ms)}","fspiop-source":"${source}","fspiop-destination":"payerfsp","content-length":${length},"host":"127.0.0.1:4000","connection":"keep-alive"}`

const outboundHeaders = (kind: string, call: Call, destination: string): string => {
  const trace = call.rebuilt === true ? '' : `,"traceparent":"00-${call.trace_id}-${hexId(8)}-01"`
  return `{"content-type":"application/vnd.interoperability.${kind}+json;version=2.0","date":"${httpDateOf(call.started_at)}","fspiop-source":"payerfsp"${destination},"accept":"application/vnd.interoperability.${kind}+json;version=2"${trace}}`
}

const TO_PAYEE = ',"fspiop-destination":"payeefsp"'

/** The SDK's model of a transfer, as it stands, in the key order of a real answer. */
export function stateBody(call: Call, current: string, tail = ''): string {
  let body = headSection(call, current)
  const looked = call.rebuilt !== true && looksUp(call)
  if (looked && reached(call, 'asked-party')) body += partyRequestSection(call)
  if (call.party_error !== undefined)
    body += `,"getPartiesResponse":{"body":{"errorInformation":${text(call.party_error)}},"headers":${inboundHeaders('parties', 'switch', call.started_at, 78)}}`
  if (looked && reached(call, 'party')) body += partySection(call)
  if (call.rebuilt !== true && reached(call, 'asked-quote')) body += quoteRequestSection(call)
  if (reached(call, 'quoted')) body += quoteSection(call)
  if (reached(call, 'prepared')) body += prepareSection(call)
  if (call.fulfil !== undefined) body += fulfilSection(call.fulfil)
  return `${body}${tail}}`
}

function headSection(call: Call, current: string): string {
  const request = call.request
  let body = '{'
  for (const key in request) {
    if (key === 'transferId') continue
    if (key === 'to') body += `"to":${reached(call, 'party') ? resolvedParty(call) : text(request.to)},`
    else body += `"${key}":${text(request[key])},`
  }
  const trace = call.rebuilt === true ? '' : `"traceId":"${call.trace_id}",`
  return `${body}"transferId":${text(call.id)},${trace}"currentState":"${current}","initiatedTimestamp":"${isoOf(call.started_at)}","direction":"OUTBOUND"`
}

function resolvedParty(call: Call): string {
  const to: SdkParty = call.request.to
  if (!looksUp(call)) return text(to)
  const name = nameOf(to.idValue, call.scenario.other_name === true)
  const found = `"fspId":"payeefsp","firstName":"${name.first}","lastName":"${name.last}","dateOfBirth":"${DATE_OF_BIRTH}"}`
  const { fspId, firstName, lastName, dateOfBirth } = to
  if ((fspId ?? firstName ?? lastName ?? dateOfBirth) === undefined)
    return `${text(to).slice(0, -1)},${found}`
  const asked = { ...to, fspId: undefined, firstName: undefined, lastName: undefined, dateOfBirth: undefined }
  return `${text(asked).slice(0, -1)},${found}`
}

const partyRequestSection = (call: Call): string =>
  `,"getPartiesRequest":{"withCredentials":false,"transitional":{"clarifyTimeoutError":true},"method":"GET","baseURL":"http://127.0.0.1:4040","url":${text(`/parties/${call.request.to.idType}/${call.request.to.idValue}`)},"headers":${outboundHeaders('parties', call, '')},"httpAgent":"[REDACTED]"}`

function partySection(call: Call): string {
  const { to, currency } = call.request
  const body = partyBody(to.idType, to.idValue, currency, call.scenario.other_name === true)
  return `,"getPartiesResponse":{"body":${body},"headers":${inboundHeaders('parties', 'payeefsp', call.started_at, body.length)}},"needFx":false,"supportedCurrencies":["${currency}"]`
}

function quoteRequestSection(call: Call): string {
  const { request } = call
  const { from, to } = request
  const name = nameOf(to.idValue, call.scenario.other_name === true)
  const payer = from.displayName === undefined ? '' : `,"name":${text(from.displayName)}`
  const note = request.note === undefined ? '' : `,"note":${text(request.note)}`
  return `,"quoteId":"${call.quote_id}","quoteRequest":{"body":{"quoteId":"${call.quote_id}","transactionId":${text(call.id)},"amountType":"${request.amountType}","amount":{"currency":"${request.currency}","amount":"${request.amount}"},"expiration":"${isoOf(call.started_at + 60_000)}","payer":{"partyIdInfo":{"partyIdType":"${from.idType}","partyIdentifier":${text(from.idValue)},"fspId":"payerfsp"}${payer}},"payee":{"partyIdInfo":{"partyIdType":"${to.idType}","partyIdentifier":${text(to.idValue)},"fspId":"payeefsp"},"personalInfo":{"complexName":{"firstName":"${name.first}","lastName":"${name.last}"},"dateOfBirth":"${DATE_OF_BIRTH}"}},"transactionType":{"scenario":"${request.transactionType}","initiator":"PAYER","initiatorType":"${from.type ?? 'CONSUMER'}"}${note}},"headers":${outboundHeaders('quotes', call, TO_PAYEE)}}`
}

/** The body of a good quote (FSPIOP PUT /quotes). */
export function quoteBody(call: Call): string {
  const { currency } = call.request
  const fee = call.scenario.fee
  const fees = fee === undefined ? '' : `,"payeeFspFee":{"currency":"${currency}","amount":"${fee}"}`
  return `{"transferAmount":{"currency":"${currency}","amount":"${costs(call)}"},"payeeReceiveAmount":{"currency":"${currency}","amount":"${receives(call)}"}${fees},"expiration":"${isoOf(call.started_at + 60_000)}","ilpPacket":"${call.packet}","condition":"${call.condition}"}`
}

function quoteSection(call: Call): string {
  const body = quoteBody(call)
  return `,"quoteResponse":{"headers":${inboundHeaders('quotes', 'payeefsp', call.started_at, body.length)},"body":${body},"originalIso20022QuoteResponse":{}},"quoteResponseSource":"payeefsp"`
}

const prepareSection = (call: Call): string =>
  `,"prepare":{"body":{"transferId":${text(call.id)},"payeeFsp":"payeefsp","payerFsp":"payerfsp","amount":{"currency":"${call.request.currency}","amount":"${costs(call)}"},"ilpPacket":"${call.packet}","condition":"${call.condition}","expiration":"${isoOf(call.started_at + 60_000)}"},"headers":${outboundHeaders('transfers', call, TO_PAYEE)}}`

/** The body of the hub's word on a transfer (FSPIOP PUT /transfers/{id}). */
export function fulfilBody(fulfil: NonNullable<Call['fulfil']>): string {
  const fulfilment = fulfil.fulfilment === undefined ? '' : `"fulfilment":"${fulfil.fulfilment}",`
  return `{${fulfilment}"completedTimestamp":"${isoOf(fulfil.at)}","transferState":"${fulfil.state}"}`
}

export function fulfilSection(fulfil: NonNullable<Call['fulfil']>): string {
  const body = fulfilBody(fulfil)
  return `,"fulfil":{"body":${body},"headers":${inboundHeaders('transfers', 'payeefsp', fulfil.at, body.length)}}`
}

/** `lastError` of a model that the hub refused, that timed out, or that broke inside the SDK. */
export const hubError = (error: ErrorInformation): string =>
  `{"httpStatusCode":500,"mojaloopError":{"errorInformation":${text(error)}}}`

/** The SDK's error answer: the model under `key`, a `statusCode` that is a string. */
export const errorBody = (message: string, key: string, state: string, status_code: string): string =>
  `{"message":${text(message)},"${key}":${state},"statusCode":"${status_code}"}`

/** The SDK's refusal of a malformed request: here `statusCode` is a number. */
export const badRequestBody = (message: string): string => `{"message":${text(message)},"statusCode":400}`
