import type { Exchange } from '../http.ts'
import { badRequestBody } from './bodies.ts'
import { getBulkTransfers, postBulkQuotes, postBulkTransfers } from './bulk.ts'
import type { BulkQuotes, BulkTransfers, Bulks } from './bulk.ts'
import { bulkQuotesSchema, bulkTransfersSchema, quotesSchema, simpleTransfersSchema } from './schemas.ts'
import type { Schema } from './schemas.ts'
import { readJson } from './sdk-call.ts'
import { getParty, postQuote, postSimpleTransfer } from './stepwise.ts'
import { refusalOf } from './validate.ts'
import type { Reply, World } from './world.ts'

/** The SDK's paths other than /transfers; an unknown one is a 400, as the SDK has it. */
export function routeMore(world: World, bulks: Bulks, exchange: Exchange, reply: Reply): void {
  const { method, path } = exchange
  const parts = path.split('/').slice(1)
  const [root = '', first = '', second = ''] = parts
  const wrongMethod = (): void =>
    reply(400, badRequestBody(`Method ${method} not supported for path ${path}`))
  if (root === 'parties' && (parts.length === 3 || parts.length === 4) && first !== '' && second !== '') {
    if (method !== 'GET') return wrongMethod()
    return serveParty(world, exchange, { type: first, id: decodeURIComponent(second) }, reply)
  }
  if (root === 'bulkTransfers' && parts.length === 2 && first !== '') {
    return method === 'GET' ? getBulkTransfers(world, bulks, first, reply) : wrongMethod()
  }
  const post = parts.length === 1 ? posts[root] : undefined
  if (post === undefined) return reply(400, badRequestBody(`Couldn't match path ${path}`))
  if (method !== 'POST') return wrongMethod()
  const json = readJson(exchange, reply)
  if (json === undefined) return
  const refusal = refusalOf(post.schema, json.value, world.settings().strict)
  if (refusal !== undefined) return reply(400, badRequestBody(refusal))
  post.run({ world, bulks, exchange, reply, body: json.value })
}

type Post = {
  readonly world: World
  readonly bulks: Bulks
  readonly exchange: Exchange
  readonly reply: Reply
  readonly body: unknown
}

type Route = { readonly schema: Schema; readonly run: (post: Post) => void }

const posts: Readonly<Record<string, Route>> = {
  quotes: {
    schema: quotesSchema,
    run: ({ world, exchange, reply, body }) =>
      postQuote(world, exchange, body as Parameters<typeof postQuote>[2], reply),
  },
  simpleTransfers: {
    schema: simpleTransfersSchema,
    run: ({ world, exchange, reply, body }) =>
      postSimpleTransfer(world, exchange, body as Parameters<typeof postSimpleTransfer>[2], reply),
  },
  bulkQuotes: {
    schema: bulkQuotesSchema,
    run: ({ world, reply, body }) => postBulkQuotes(world, body as BulkQuotes, reply),
  },
  bulkTransfers: {
    schema: bulkTransfersSchema,
    run: ({ world, bulks, reply, body }) => postBulkTransfers(world, bulks, body as BulkTransfers, reply),
  },
}

const PARTY_TYPES = new Set([
  'MSISDN',
  'EMAIL',
  'PERSONAL_ID',
  'BUSINESS',
  'DEVICE',
  'ACCOUNT_ID',
  'IBAN',
  'ALIAS',
])

function serveParty(
  world: World,
  exchange: Exchange,
  found: { readonly type: string; readonly id: string },
  reply: Reply,
): void {
  if (!PARTY_TYPES.has(found.type))
    return reply(400, badRequestBody('must be equal to one of the allowed values'))
  getParty(world, exchange, found, reply)
}
