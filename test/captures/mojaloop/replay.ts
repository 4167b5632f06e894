import { readFileSync } from 'node:fs'
import type { Order } from '../../../src/connectors/index.ts'

type Body = Record<string, unknown>
type Message = { readonly dir: string; readonly m: string; readonly u: string; readonly b?: Body }
type Version = 'v18' | 'v24'

/** One call to the adapter, as its hub traffic shows it: the order, and the HTTP answer that the adapter makes of it. */
export type Exchange = {
  readonly line: number
  readonly call: 'transfer' | 'find' | 'party'
  readonly order: Order
  readonly status: number
  readonly body: Buffer
}

export const capture = (name: string): Buffer => readFileSync(new URL(name, import.meta.url))

/** What adapter 24.19.4 answered to POST /transfers. */
export const postedTransfers = (): { what: string; status: number; body: Buffer }[] =>
  capture('v24-post-transfers.jsonl')
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { what, status, body } = JSON.parse(line) as { what: string; status: number; body: Body }
      return { what, status, body: Buffer.from(JSON.stringify(body)) }
    })

/** The order that the captures' payer gave: 10,000 XOF (or another amount) to the number. */
export const orderFor = (identifier: string, reference: string, more: Partial<Order> = {}): Order => ({
  reference,
  home_reference: 'bulk-001/row-1',
  amount: 10_000n,
  currency: 'XOF',
  payee: { type: 'MSISDN', identifier },
  payer: { type: 'MSISDN', identifier: '123456789', name: 'Tresor Public' },
  fee_cap: 0n,
  note: 'Salaire',
  ...more,
})

/** Every exchange of a capture; a call begins with the adapter's GET to the hub. */
export function exchanges(name: string): Exchange[] {
  const version: Version = name.startsWith('npm18') ? 'v18' : 'v24'
  const calls: { line: number; messages: Message[] }[] = []
  capture(name)
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .forEach((line, index) => {
      const message = JSON.parse(line) as Message
      if (message.dir === 'sdk->hub' && message.m === 'GET') calls.push({ line: index + 1, messages: [] })
      calls.at(-1)?.messages.push(message)
    })
  const states = new Map<string, Body>()
  return calls.map(({ line, messages }) => {
    const first = messages[0]
    if (first?.u.startsWith('/transfers/')) return findExchange(version, line, messages, states)
    return transferExchange(version, line, messages, states)
  })
}

const lastOf = (path: string): string => path.split('/').at(-1) ?? ''
const of = (messages: Message[], m: string, path: string): Message | undefined =>
  messages.find((message) => message.m === m && message.u.startsWith(path))
const answered = (status: number, body: Body): { status: number; body: Buffer } => ({
  status,
  body: Buffer.from(JSON.stringify(body)),
})

/** POST /transfers, or GET /parties where the traffic stops after the party was found. */
function transferExchange(
  version: Version,
  line: number,
  messages: Message[],
  states: Map<string, Body>,
): Exchange {
  const identifier = lastOf(messages[0]?.u ?? '')
  const party = of(messages, 'PUT', '/parties')
  const quote = of(messages, 'POST', '/quotes')
  const id = quote ? String(quote.b?.['transactionId']) : 'b51ec534-ee48-4575-b6a9-ead2955b8069'
  const amount = (quote?.b?.['amount'] ?? { currency: 'XOF', amount: '10000' }) as Record<string, string>
  const order = orderFor(identifier, id, { amount: BigInt(amount['amount'] ?? '') })
  if (party && !party.u.endsWith('/error') && !quote) {
    const found = { party: { body: party.b?.['party'] as Body, headers: {} }, currentState: 'COMPLETED' }
    return { line, call: 'party', order, ...answered(200, found) }
  }
  const state = stateOf(version, order, amount, messages)
  states.set(id, state)
  return { line, call: 'transfer', order, ...ending(version, state, messages, party, quote) }
}

function stateOf(version: Version, order: Order, amount: Record<string, string>, messages: Message[]): Body {
  const quote = of(messages, 'POST', '/quotes')
  const quoted = of(messages, 'PUT', '/quotes')
  const prepare = of(messages, 'POST', '/transfers')
  const fulfil = of(messages, 'PUT', '/transfers')
  const good = (message: Message | undefined): boolean =>
    message !== undefined && !message.u.endsWith('/error')
  const request = (message: Message): Body =>
    version === 'v18'
      ? { method: 'POST', host: '127.0.0.1', path: message.u, headers: {}, body: JSON.stringify(message.b) }
      : { body: message.b, headers: {} }
  return {
    homeTransactionId: order.home_reference,
    from: { type: 'BUSINESS', idType: 'MSISDN', idValue: '123456789', displayName: 'Tresor Public' },
    to: { idType: 'MSISDN', idValue: order.payee.identifier, fspId: 'payeefsp' },
    amountType: 'SEND',
    ...amount,
    transactionType: 'TRANSFER',
    note: 'Salaire',
    transferId: order.reference,
    direction: 'OUTBOUND',
    ...(quote ? { quoteId: quote.b?.['quoteId'], quoteRequest: request(quote) } : {}),
    ...(good(quoted) ? { quoteResponse: { body: quoted?.b, headers: {} } } : {}),
    ...(prepare ? { prepare: request(prepare) } : {}),
    ...(good(fulfil) ? { fulfil: { body: fulfil?.b, headers: {} } } : {}),
  }
}

/** The adapter's HTTP answer, by where the hub's traffic ended. */
function ending(
  version: Version,
  state: Body,
  messages: Message[],
  party: Message | undefined,
  quote: Message | undefined,
): { status: number; body: Buffer } {
  const id = String(state['transferId'])
  const refusal = messages.find((message) => message.u.endsWith('/error'))
  if (refusal) return failed(state, 500, 'Got an error response', refusal.b)
  if (!party && String((state['to'] as Body)['idValue']).endsWith('000009'))
    return refusedAtOnce(version, state)
  if (!party) return failed(state, 504, `Timeout resolving payee for transfer ${id}`)
  if (quote && !of(messages, 'PUT', '/quotes'))
    return failed(state, 504, `Timeout requesting quote for transfer ${id}`)
  const fulfil = (state['fulfil'] as { body: Body } | undefined)?.body
  if (!fulfil) return failed(state, 504, `Timeout waiting for fulfil for transfer ${id}`)
  if (fulfil['transferState'] === 'ABORTED') {
    return failed(state, 500, "Cannot read properties of undefined (reading 'toString')", undefined, {})
  }
  if (String((state['to'] as Body)['idValue']).endsWith('000008')) {
    return failed(state, 500, 'Invalid fulfilment received from peer DFSP.', undefined, {})
  }
  return answered(200, { ...state, currentState: 'COMPLETED' })
}

function failed(
  state: Body,
  status: number,
  message: string,
  mojaloopError?: Body,
  lastError: Body | string = { httpStatusCode: status, ...(mojaloopError ? { mojaloopError } : {}) },
): { status: number; body: Buffer } {
  const code = (mojaloopError?.['errorInformation'] as Body | undefined)?.['errorCode']
  return answered(status, {
    message: mojaloopError ? `${message}: ${JSON.stringify(mojaloopError)}` : message,
    transferState: { ...state, currentState: 'ERROR_OCCURRED', lastError },
    statusCode: code ?? String(status),
  })
}

/** The hub's 400 (3101) to the look-up: v24 loses the code, v18 keeps it in a text. */
function refusedAtOnce(version: Version, state: Body): { status: number; body: Buffer } {
  const message = `Error resolving payee for transfer ${String(state['transferId'])}: Request failed with status code 400`
  const information = { errorInformation: { errorCode: '3101', errorDescription: 'Malformed syntax' } }
  const inner = JSON.stringify({ res: { statusCode: 400, body: JSON.stringify(information) } })
  return failed(state, 500, message, undefined, version === 'v18' ? inner : { httpStatusCode: 500 })
}

/** GET /transfers/{id}: v18 answers bare; v24 merges what it remembers of the transfer, an old error included. */
function findExchange(
  version: Version,
  line: number,
  messages: Message[],
  states: Map<string, Body>,
): Exchange {
  const id = lastOf(messages[0]?.u ?? '')
  const remembered = states.get(id)
  const to = (remembered?.['to'] ?? {}) as Body
  const order = orderFor((to['idValue'] as string | undefined) ?? '22890000123', id)
  const told = of(messages, 'PUT', '/transfers')
  const bare = { transferId: id, direction: 'OUTBOUND' }
  if (told?.u.endsWith('/error')) {
    return {
      line,
      call: 'find',
      order,
      ...failed(bare, 500, 'Got an error response retrieving transfer', told.b),
    }
  }
  const merged = version === 'v24' ? { ...remembered, lastError: { httpStatusCode: 504 } } : {}
  const body = { ...merged, ...bare, currentState: 'COMPLETED', fulfil: { body: told?.b, headers: {} } }
  return { line, call: 'find', order, ...answered(200, body) }
}
