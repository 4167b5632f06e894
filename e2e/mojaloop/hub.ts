import { request, createServer, Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import {
  conditionOf,
  fulfilmentOf,
  hashOf,
  openLedger,
  packetOf,
  type Behaviour,
  type HubError,
  type HubLedger,
  type HubTransfer,
  type Movement,
  type Quote,
} from './hub-ledger.ts'

/**
 * A small FSPIOP hub with the payee's institution behind it: parties, quotes and transfers, each answered 202 and then
 * called back. It does what the Testing Toolkit cannot: refuse, stay silent, lose a word. Its movements are the judge.
 */
export type Hub = {
  readonly port: number
  /** The next transfers to this payee are treated so. */
  readonly treat: (payee: string, behaviour: Behaviour) => void
  readonly movements: readonly Movement[]
  readonly transfers: ReadonlyMap<string, HubTransfer>
  /** Most transfers to one payee that were under way here at one moment, from look-up to last word, if all commit. */
  readonly mostAtOnce: (payee: string) => number
  /** Callbacks that the adapter did not take; none are expected. */
  readonly unheard: readonly string[]
  readonly close: () => Promise<void>
}

/** How long after the order a `late` or `reserved` transfer commits: longer than the adapter waits. */
export type HubOptions = { readonly late_ms: number; readonly adapter_port: number }

/** The adapter sends before it listens: an answer that is too quick finds nobody. */
const ANSWER_MS = 8

type Inner = HubOptions & {
  readonly ledger: HubLedger
  readonly behaviours: Map<string, Behaviour>
  readonly quotes: Map<string, Quote>
  readonly busy: Map<string, { now: number; most: number }>
  readonly unheard: string[]
  readonly agent: Agent
}
type Json = Readonly<Record<string, unknown>>

export async function openHub(options: HubOptions): Promise<Hub> {
  const hub: Inner = {
    ...options,
    ledger: openLedger(),
    behaviours: new Map(),
    quotes: new Map(),
    busy: new Map(),
    unheard: [],
    agent: new Agent({ keepAlive: true }),
  }
  const server = createServer((req, res) => {
    serve(hub, req, res).catch((error: unknown) => {
      hub.unheard.push(String(error))
      res.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the hub has no port')
  return {
    port: address.port,
    treat: (payee, behaviour) => void hub.behaviours.set(payee, behaviour),
    movements: hub.ledger.movements,
    transfers: hub.ledger.transfers,
    mostAtOnce: (payee) => hub.busy.get(payee)?.most ?? 0,
    unheard: hub.unheard,
    close: async () => {
      hub.agent.destroy()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function serve(hub: Inner, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const text = await bodyOf(req)
  const [resource = '', first = '', second = ''] = (req.url ?? '').split('/').slice(1).map(decodeURIComponent)
  const body = (): Json => JSON.parse(text) as Json
  if (req.method === 'GET' && resource === 'parties') return getParty(hub, res, first, second)
  if (req.method === 'POST' && resource === 'quotes') return postQuote(hub, res, body())
  if (req.method === 'POST' && resource === 'transfers') return postTransfer(hub, res, body(), text)
  if (req.method === 'GET' && resource === 'transfers') return getTransfer(hub, res, first)
  res.writeHead(404).end()
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

const accept = (res: ServerResponse): void => void res.writeHead(202, { 'content-length': 0 }).end()

function refuseAtOnce(res: ServerResponse): void {
  const error = { errorInformation: { errorCode: '3101', errorDescription: 'Malformed syntax' } }
  res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error))
}

async function getParty(hub: Inner, res: ServerResponse, type: string, payee: string): Promise<void> {
  const { party } = hub.behaviours.get(payee) ?? {}
  if (party === 'refused at once') return refuseAtOnce(res)
  accept(res)
  if (party === 'silent') return
  const busy = hub.busy.get(payee) ?? { now: 0, most: 0 }
  hub.busy.set(payee, busy)
  busy.most = Math.max(busy.most, ++busy.now)
  await pause(ANSWER_MS)
  const path = `/parties/${type}/${encodeURIComponent(payee)}`
  if (party !== undefined) return callBack(hub, 'parties', `${path}/error`, { errorInformation: party })
  await callBack(hub, 'parties', path, {
    party: {
      partyIdInfo: { partyIdType: type, partyIdentifier: payee, fspId: 'payeefsp' },
      name: 'Ama Koffi',
      personalInfo: { complexName: { firstName: 'Ama', lastName: 'Koffi' }, dateOfBirth: '1990-01-02' },
    },
  })
}

async function postQuote(hub: Inner, res: ServerResponse, body: Json): Promise<void> {
  const { quoteId, transactionId } = body as { quoteId: string; transactionId: string }
  const { amount, currency } = body['amount'] as { amount: string; currency: string }
  const payee = (body['payee'] as { partyIdInfo: { partyIdentifier: string } }).partyIdInfo.partyIdentifier
  const behaviour = hub.behaviours.get(payee) ?? {}
  accept(res)
  if (behaviour.quote === 'silent') return
  await pause(ANSWER_MS)
  if (behaviour.quote !== undefined)
    return callBack(hub, 'quotes', `/quotes/${quoteId}/error`, { errorInformation: behaviour.quote })
  const fee = behaviour.fee ?? 0n
  const quote = { payee, amount, fee }
  const ilpPacket = packetOf(transactionId, quote)
  hub.quotes.set(ilpPacket, quote)
  await callBack(hub, 'quotes', `/quotes/${quoteId}`, {
    transferAmount: { currency, amount: String(BigInt(amount) + fee) },
    payeeReceiveAmount: { currency, amount },
    ...(fee === 0n ? {} : { payeeFspFee: { currency, amount: String(fee) } }),
    expiration: new Date(Date.now() + 60_000).toISOString(),
    ilpPacket,
    condition: conditionOf(ilpPacket),
  })
}

async function postTransfer(hub: Inner, res: ServerResponse, body: Json, text: string): Promise<void> {
  const order = body as { transferId: string; ilpPacket: string; condition: string; expiration: string }
  const { transferId: id, ilpPacket } = order
  const quote = hub.quotes.get(ilpPacket)
  const behaviour = hub.behaviours.get(quote?.payee ?? '') ?? {}
  const amount = BigInt((body['amount'] as { amount: string }).amount)
  if (quote === undefined || amount !== BigInt(quote.amount) + quote.fee) return refuseAtOnce(res)
  if (behaviour.transfer === 'refused at once') return refuseAtOnce(res)
  accept(res)
  const known = hub.ledger.look(id, Date.now())
  if (known !== undefined) {
    await pause(ANSWER_MS)
    const error = { errorCode: '3106', errorDescription: 'Modified request' }
    return known.hash === hashOf(text) ? tell(hub, known) : tellError(hub, id, error)
  }
  const transfer: HubTransfer = {
    id,
    payee: quote.payee,
    amount,
    condition: order.condition,
    fulfilment: fulfilmentOf(ilpPacket, behaviour.transfer !== 'wrong fulfilment'),
    hash: hashOf(text),
    expires_at: Date.parse(order.expiration),
    state: 'RESERVED',
  }
  hub.ledger.transfers.set(id, transfer)
  await decide(hub, transfer, behaviour.transfer)
  const busy = hub.busy.get(transfer.payee)
  if (busy !== undefined) busy.now -= 1
}

/** The payee's side decides, and the hub tells the payer; perhaps late, perhaps never. */
async function decide(hub: Inner, transfer: HubTransfer, how: Behaviour['transfer']): Promise<void> {
  await pause(ANSWER_MS)
  if (how === 'never') return
  if (how === 'aborted' || typeof how === 'object') {
    transfer.state = 'ABORTED'
    if (how !== 'aborted') transfer.error = how
    return tell(hub, transfer)
  }
  if (how === 'reserved') await tell(hub, transfer)
  if (how === 'reserved' || how === 'late') await pause(hub.late_ms)
  hub.ledger.commit(transfer)
  if (how !== 'reserved' && how !== 'untold') await tell(hub, transfer)
}

async function getTransfer(hub: Inner, res: ServerResponse, id: string): Promise<void> {
  accept(res)
  await pause(ANSWER_MS)
  const transfer = hub.ledger.look(id, Date.now())
  if (transfer === undefined)
    return tellError(hub, id, { errorCode: '3208', errorDescription: 'Transfer ID not found' })
  await tell(hub, transfer)
}

const tellError = (hub: Inner, id: string, error: HubError): Promise<void> =>
  callBack(hub, 'transfers', `/transfers/${id}/error`, { errorInformation: error })

async function tell(hub: Inner, transfer: HubTransfer): Promise<void> {
  const { id, state, fulfilment, error } = transfer
  if (error !== undefined) return tellError(hub, id, error)
  await callBack(hub, 'transfers', `/transfers/${id}`, {
    ...(state === 'COMMITTED' ? { fulfilment } : {}),
    completedTimestamp: new Date().toISOString(),
    transferState: state,
  })
}

/** Puts a result to the adapter. One that finds nobody is noted, and lost as in the real world. */
function callBack(hub: Inner, kind: string, path: string, body: object): Promise<void> {
  const text = JSON.stringify(body)
  const headers = {
    'content-type': `application/vnd.interoperability.${kind}+json;version=1.0`,
    'content-length': Buffer.byteLength(text),
    date: new Date().toUTCString(),
    'fspiop-source': path.endsWith('/error') ? 'switch' : 'payeefsp',
    'fspiop-destination': 'payerfsp',
  }
  return new Promise((resolve) => {
    const to = { host: '127.0.0.1', port: hub.adapter_port, method: 'PUT', path, headers, agent: hub.agent }
    const call = request(to, (res) => {
      const { statusCode = 0 } = res
      if (statusCode >= 300) hub.unheard.push(`PUT ${path}: ${statusCode}`)
      res.resume().once('close', resolve)
    })
    call.once('error', (error) => {
      hub.unheard.push(`PUT ${path}: ${error.message}`)
      resolve()
    })
    call.end(text)
  })
}
