import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { Server } from 'node:http'
import { JSON_TYPE, openServer, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import { partyBody } from './bodies.ts'
import { httpDateOf } from './dates.ts'
import { noticeOf } from './hub.ts'
import { readPacket } from './ilp.ts'
import { magicCode, scenarioOf, unknownTransfer } from './magic.ts'
import type { ErrorInformation } from './magic.ts'
import { noticeBody, orderFrom, partyIdOf, quoteFor } from './stepwise.ts'
import { pause } from './world.ts'
import type { World } from './world.ts'

/** A call of an institution that talks to the hub without an SDK: who it is, and what it sent. */
type Call = { readonly world: World; readonly exchange: Exchange; readonly source: string }

/**
 * The hub's own side (FSPIOP): every request is accepted with 202 and its result put to the caller's address, which is
 * the setting `mojaloop.callback_url`. It shares its transfers and its log with the SDK.
 */
export function openHubServer(world: World): Server {
  return openServer(
    (exchange) => serve({ world, exchange, source: String(exchange.headers['fspiop-source'] ?? '') }),
    (res, error) =>
      send(res, 500, JSON_TYPE, errorOf({ errorCode: '2001', errorDescription: error.message })),
  )
}

const errorOf = (error: ErrorInformation): string => JSON.stringify({ errorInformation: error })

function serve(call: Call): void {
  const { method, path, res } = call.exchange
  const [root = '', first = '', second = '', third] = path.split('/').slice(1).map(decodeURIComponent)
  if (path === '/' || path === '/health')
    return send(
      res,
      200,
      JSON_TYPE,
      '{"status":"OK","services":[{"name":"hub of the sandbox","status":"OK"}]}',
    )
  if (call.source === '')
    return refuse(call, 400, '3102', "Missing mandatory element - the header 'fspiop-source' is required")
  if (method === 'GET' && root === 'parties' && second !== '') return getParty(call, first, second, third)
  if (method === 'POST' && path === '/quotes') return withBody(call, postQuote)
  if (method === 'POST' && path === '/transfers') return withBody(call, postTransfer)
  if (method === 'GET' && root === 'transfers' && first !== '' && second === '')
    return getTransfer(call, first)
  refuse(call, 404, '3002', `Unknown URI - ${method} ${path}`)
}

const refuse = (call: Call, status: number, errorCode: string, errorDescription: string): void =>
  send(call.exchange.res, status, JSON_TYPE, errorOf({ errorCode, errorDescription }))

function accept(call: Call): void {
  call.exchange.res.writeHead(202, { 'Content-Length': '0' })
  call.exchange.res.end()
}

function withBody(call: Call, run: (call: Call, body: Record<string, unknown>) => void): void {
  let body: unknown
  try {
    body = JSON.parse(call.exchange.body.toString())
  } catch {
    return refuse(call, 400, '3101', 'Malformed syntax - the body is not JSON')
  }
  if (typeof body !== 'object' || body === null)
    return refuse(call, 400, '3101', 'Malformed syntax - not an object')
  run(call, body as Record<string, unknown>)
}

/** Puts a result to the caller's address. A callback that finds nobody is lost, as in the real world. */
function callBack(call: Call, kind: string, path: string, body: string): void {
  const base = call.world.settings().callback_url
  if (base === null) return
  const headers = {
    'content-type': `application/vnd.interoperability.${kind}+json;version=1.1`,
    'content-length': Buffer.byteLength(body),
    date: httpDateOf(call.world.clock.now()),
    'fspiop-source': 'payeefsp',
    'fspiop-destination': call.source,
    'x-request-id': randomUUID(),
  }
  const request = httpRequest(base.replace(/\/$/, '') + path, { method: 'PUT', headers, timeout: 10_000 })
  request.on('response', (response) => response.resume())
  request.on('timeout', () => request.destroy())
  request.on('error', () => undefined)
  request.end(body)
}

function getParty(call: Call, type: string, id: string, sub: string | undefined): void {
  const { party, other_name } = scenarioOf(magicCode(id))
  if (party === 'refused-at-once') return refuse(call, 400, '3101', 'Malformed syntax')
  accept(call)
  if (party === 'silent') return
  const path = `/parties/${type}/${encodeURIComponent(id)}${sub === undefined ? '' : `/${encodeURIComponent(sub)}`}`
  pause(call.world, call.world.settings().latency_ms.party, () => {
    if (party !== undefined) return callBack(call, 'parties', `${path}/error`, errorOf(party))
    callBack(call, 'parties', path, partyBody(type, id, 'XOF', other_name === true))
  })
}

function postQuote(call: Call, body: Record<string, unknown>): void {
  const { quoteId, transactionId, payee } = body
  const amount = body['amount'] as { currency?: unknown; amount?: unknown } | undefined
  if (typeof quoteId !== 'string' || typeof transactionId !== 'string' || amount === undefined)
    return refuse(
      call,
      400,
      '3102',
      'Missing mandatory element - quoteId, transactionId and amount are required',
    )
  const { type, id } = partyIdOf(payee)
  const scenario = scenarioOf(magicCode(id))
  accept(call)
  if (scenario.quote === 'silent') return
  const terms = {
    transaction_id: transactionId,
    party_type: type,
    party: id,
    currency: String(amount.currency),
    amount: String(amount.amount),
  }
  pause(call.world, call.world.settings().latency_ms.quote, () => {
    const quote = quoteFor(call.world, terms, scenario)
    if (typeof quote === 'string') callBack(call, 'quotes', `/quotes/${quoteId}`, quote)
    else callBack(call, 'quotes', `/quotes/${quoteId}/error`, errorOf(quote))
  })
}

function postTransfer(call: Call, body: Record<string, unknown>): void {
  const { transferId, ilpPacket, condition } = body
  const amount = body['amount'] as { currency?: unknown; amount?: unknown } | undefined
  const words = [transferId, ilpPacket, condition, amount?.currency, amount?.amount]
  if (words.some((word) => typeof word !== 'string'))
    return refuse(call, 400, '3102', 'Missing mandatory element - transferId, amount, ilpPacket, condition')
  const id = String(transferId)
  const order = orderFrom(
    {
      transferId: id,
      ilpPacket: String(ilpPacket),
      condition: String(condition),
      amount: { currency: String(amount?.currency), amount: String(amount?.amount) },
    },
    undefined,
  )
  if ('errorCode' in order) {
    accept(call)
    return callBack(call, 'transfers', `/transfers/${id}/error`, errorOf(order))
  }
  const is_told_twice = scenarioOf(magicCode(readPacket(String(ilpPacket))?.party ?? '')).told_twice === true
  accept(call)
  call.world.hub.prepare(order, (notice) => {
    const path = notice.kind === 'error' ? `/transfers/${id}/error` : `/transfers/${id}`
    const text = noticeBody(call.world, notice)
    callBack(call, 'transfers', path, text)
    if (is_told_twice) callBack(call, 'transfers', path, text)
  })
}

function getTransfer(call: Call, id: string): void {
  const transfer = call.world.hub.find(id)
  accept(call)
  call.world.log().settled(() => {
    if (transfer === undefined)
      return callBack(call, 'transfers', `/transfers/${id}/error`, errorOf(unknownTransfer))
    const notice = noticeOf(transfer)
    const text = noticeBody(call.world, notice.kind === 'error' ? { kind: 'state', transfer } : notice)
    callBack(call, 'transfers', `/transfers/${id}`, text)
  })
}
