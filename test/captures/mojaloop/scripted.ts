import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { openMojaloop } from '../../../src/connectors/index.ts'
import type { MojaloopOptions, Order, PayoutRail } from '../../../src/connectors/index.ts'
import { openLog } from '../../../src/platform/log.ts'
import { openOutbound } from '../../../src/platform/outbound.ts'
import { orderFor } from './replay.ts'

export type Call = { readonly method: string; readonly path: string; readonly body: Record<string, unknown> }
export type Reply = { readonly status: number; readonly body?: object | string } | 'reset' | 'hang' | 'drip'
/** The scripted adapter: one function of the call and of how many came before it. */
export type Script = (call: Call, nth: number) => Reply

/** What is still open; a test file calls `closeAll` after each of its tests. */
export const closers: (() => Promise<unknown>)[] = []
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}

export async function serve(script: Script): Promise<{ url: string; calls: Call[]; sockets: () => number }> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const call = {
        method: request.method ?? '',
        path: request.url ?? '',
        body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
      }
      const reply = script(call, calls.push(call) - 1)
      if (reply === 'hang') return
      if (reply === 'reset') return void request.socket.resetAndDestroy()
      if (reply === 'drip') {
        response.writeHead(200, { 'content-type': 'application/json' })
        const timer = setInterval(() => response.write(' '), 20)
        return void response.on('close', () => clearInterval(timer))
      }
      response.writeHead(reply.status, { 'content-type': 'application/json' })
      response.end(typeof reply.body === 'string' ? reply.body : reply.body && JSON.stringify(reply.body))
    })
  })
  let sockets = 0
  server.on('connection', () => sockets++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls, sockets: () => sockets }
}

export function open(url: string, more: Partial<MojaloopOptions> = {}): PayoutRail {
  const outbound = openOutbound({ production: false, allow_loopback: true })
  const rail = openMojaloop({
    outbound,
    url,
    timeout_ms: 400,
    mode: 'auto',
    expiry_s: 60,
    connections: 4,
    log: openLog('silent'),
    ...more,
  })
  closers.push(() => rail.close())
  return rail
}

export const lenient: Reply = {
  status: 400,
  body: { message: '/requestBody/amount must match pattern "^…$"', statusCode: 400 },
}
export const strict: Reply = {
  status: 400,
  body: {
    message: "[ { message: 'must NOT have additional properties' }, { message: 'must match pattern' } ]",
    statusCode: 400,
  },
}
const isProbe = (call: Call): boolean => call.body['amount'] === 'probe'
export const after =
  (probe: Reply, script: Script): Script =>
  (call, nth) =>
    isProbe(call) ? probe : script(call, nth)

export const MSISDN = '22890000123'
export const order = (more: Partial<Order> = {}): Order => orderFor(MSISDN, randomUUID(), more)
const preimage = randomBytes(32)
export const fulfilment = preimage.toString('base64url')
export const condition = createHash('sha256').update(preimage).digest('base64url')
export const money = (amount: string, currency = 'XOF') => ({ currency, amount })

/** What the adapter answers about a transfer, with the fields that this moment has. */
export const stateOf = (call: Call, id: string, more: object): object => ({
  homeTransactionId: 'bulk-001/row-1',
  to: { idType: 'MSISDN', idValue: MSISDN, fspId: 'payeefsp' },
  currency: 'XOF',
  amount: '10000',
  ...(call.method === 'POST' ? call.body : {}),
  transferId: id,
  ...more,
})
export const quoteOf = (cost: string) => ({
  body: {
    transferAmount: money(cost),
    payeeReceiveAmount: money('10000'),
    expiration: '2026-11-22T07:11:58.284Z',
    condition,
    ilpPacket: 'cGFja2V0',
  },
})
export const done = (cost: string) => ({
  currentState: 'COMPLETED',
  quoteResponse: quoteOf(cost),
  prepare: { body: { amount: money(cost), condition } },
  fulfil: { body: { transferState: 'COMMITTED', fulfilment } },
})
const idOf = (call: Call, made = '01M811G177725104KSERFAWCAF'): string =>
  call.method === 'POST'
    ? ((call.body['transferId'] as string | undefined) ?? made)
    : (call.path.split('/').at(-1) ?? '')
export const answer = (call: Call, more: object): Reply => ({
  status: 200,
  body: stateOf(call, idOf(call), more),
})

/** The three calls of a strict adapter, where all goes well. */
export function steps(call: Call, change: { party?: Reply; quote?: Reply; transfer?: Reply } = {}): Reply {
  if (call.method === 'GET')
    return (
      change.party ?? {
        status: 200,
        body: {
          party: {
            body: {
              partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: MSISDN, fspId: 'payeefsp' },
              name: 'Ama Koffi',
            },
            headers: { 'fspiop-source': 'payeefsp', 'fspiop-destination': 'payerfsp' },
          },
          currentState: 'COMPLETED',
        },
      }
    )
  if (call.path === '/quotes')
    return (
      change.quote ?? {
        status: 200,
        body: { quotes: { ...quoteOf('10000'), headers: {} }, currentState: 'COMPLETED' },
      }
    )
  return (
    change.transfer ?? {
      status: 200,
      body: {
        transfer: { body: { transferState: 'COMMITTED', fulfilment }, headers: {} },
        currentState: 'COMPLETED',
      },
    }
  )
}
