import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { mojaloopBackend, readNotification, type BackendReply } from '../connectors/index.ts'
import type { Ctx } from '../platform/context.ts'
import { sql } from '../platform/db.ts'
import { Refusal, type RefusalCode } from '../platform/errors.ts'
import { languageOf } from '../platform/http/language.ts'
import { PROBLEM_TYPE, problemOf, troubleOf } from '../platform/http/problem.ts'
import { isDirectLoopback } from '../platform/http/sandbox-trust.ts'
import { assertPlainJson } from '../platform/http/validation.ts'
import { newId } from '../platform/ids.ts'
import { openPayeeDesk } from './incoming/desk.ts'
import { selectLineStatus } from './incoming/sql.ts'
import type { CreditMoment } from './incoming/take.ts'
import { hint } from './line.ts'

export type BackendOptions = {
  /** 0 chooses a free one. */
  readonly port: number
  readonly credit: CreditMoment
  /** Called when a question was brought forward. */
  readonly wake: () => void
}

export type BackendListener = { readonly port: number; readonly close: () => Promise<void> }

const BODY_LIMIT_BYTES = 1_048_576
const DRAIN_MS = 3_000
const ID = /^[\w-]{1,64}$/

/**
 * Listens for the Mojaloop scheme adapter: its backend API (v2.1.0, the payee's side) and its notifications about our
 * own transfers. The adapter has no credentials to show, so whoever reaches this port is believed: it belongs on a
 * private network with the adapter. The sandbox binds it to 127.0.0.1, production to HOST. Throws when the port is
 * taken.
 */
export async function openBackendListener(ctx: Ctx, options: BackendOptions): Promise<BackendListener> {
  const { log, config } = ctx
  const app = await newServer(ctx)
  serveBackend(app, ctx, options)
  const host = config.CAURI_MODE === 'sandbox' ? '127.0.0.1' : config.HOST
  await app.listen({ host, port: options.port }).catch((error: unknown) => {
    throw error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      ? new Error(`port ${options.port} is taken: stop what uses it, or set BACKEND_PORT to another one`)
      : error
  })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  log.info({ host, port }, 'listening for the scheme adapter')
  return { port, close: () => app.close() }
}

/** The server's modules are a third of all: whoever only asks this module something, as the command line does, starts without. */
async function newServer({ log, config }: Ctx): Promise<FastifyInstance> {
  const { default: Fastify } = await import('fastify')
  const { logRequests } = await import('../platform/http/log-requests.ts')
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: () => newId('req-'),
    requestTimeout: 30_000,
    keepAliveTimeout: 120_000, // the adapter keeps its connections and must be the one to close them
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 300 },
    frameworkErrors: (error, request, reply) => {
      answerTrouble(config, error, request, reply)
    },
  })
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    (request, text, done) => void (text === '' ? done(null, undefined) : parse(request, String(text), done)),
  )
  app.addHook('onRequest', (request, _reply, done) => {
    done(isForeign(request, config.CAURI_MODE === 'sandbox') ? new Refusal('HOST_NOT_ALLOWED') : undefined)
  })
  app.addHook('preValidation', async ({ body, params }) => assertPlainJson([body, params]))
  app.setErrorHandler((error, request, reply) => {
    const { bug } = troubleOf(error, 'en')
    if (bug) log.error({ request_id: request.id, err: error }, 'a call of the scheme adapter met a bug')
    else log.warn({ request_id: request.id, because: String(error) }, 'a call of the scheme adapter failed')
    return answerTrouble(config, error, request, reply)
  })
  app.setNotFoundHandler((request, reply) => answerTrouble(config, new Refusal('NOT_FOUND'), request, reply))
  logRequests(app, log)
  app.addHook('preClose', (done) => {
    const idle = setInterval(() => app.server.closeIdleConnections(), 50)
    const cut = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS)
    app.server.once('close', () => {
      clearInterval(idle)
      clearTimeout(cut)
    })
    done()
  })
  return app
}

/** A web page, or in the sandbox anything but this machine: the adapter sends no Origin and uses no proxy. */
const isForeign = (request: FastifyRequest, sandbox: boolean): boolean =>
  request.headers.origin !== undefined ||
  request.headers['sec-fetch-site'] !== undefined ||
  (sandbox && !isDirectLoopback(request))

type PartyParams = { readonly type: string; readonly id: string; readonly sub?: string }
type TransferParams = { readonly id: string }

function serveBackend(app: FastifyInstance, ctx: Ctx, { credit, wake }: BackendOptions): void {
  const { db } = ctx
  const desk = openPayeeDesk(ctx, credit)
  const backend = mojaloopBackend(desk)

  /** What became of a transfer of ours; undefined when the id is none of ours. A notification is only a hint. */
  const outgoing = async (id: string, body: unknown): Promise<string | undefined> => {
    const news = readNotification(id, body)
    const line = news && (await hint(db, news.reference))
    if (line === undefined) return undefined
    wake()
    return selectLineStatus(db, line.batch_id, line.seq)
  }
  const send = (reply: FastifyReply, { status, body }: BackendReply): FastifyReply =>
    reply.code(status).send(body ?? {})

  app.get('/', async (_request, reply) => {
    await db.run(sql`select`)
    return send(reply, { status: 200 })
  })
  app.get<{ Params: PartyParams }>('/parties/:type/:id', async ({ params }, reply) =>
    send(reply, await backend.getParty(params.type, params.id)),
  )
  // Our accounts have no sub-identifiers: whoever asks for one means somebody else.
  app.get<{ Params: PartyParams }>('/parties/:type/:id/:sub', (_request, reply) =>
    send(reply, { status: 404, body: { statusCode: '3204', message: 'Party not found' } }),
  )
  app.post('/quoterequests', async ({ body }, reply) => send(reply, await backend.postQuoteRequest(body)))
  app.post('/transfers', async ({ body }, reply) => send(reply, await backend.postTransfer(body)))
  app.get<{ Params: TransferParams }>('/transfers/:id', async ({ params }, reply) =>
    send(reply, await backend.getTransfer(params.id)),
  )
  app.put<{ Params: TransferParams }>('/transfers/:id', async ({ params: { id }, body }, reply) => {
    const status = await outgoing(id, body)
    const incoming = ID.test(id) ? await desk.findTransfer(id) : undefined
    if (incoming === undefined) {
      if (status === undefined) throw new Refusal('TRANSFER_NOT_FOUND')
      return send(reply, { status: 200, body: { transferId: id, status } })
    }
    const answer = await backend.putTransfer(id, body)
    if (answer.status !== 200) return send(reply, answer)
    const now = await desk.findTransfer(id)
    return send(reply, { status: 200, body: { transferId: id, status: now?.state ?? incoming.state } })
  })
  app.put<{ Params: TransferParams }>('/api/transfers/:id', async ({ params: { id }, body }, reply) => {
    const status = await outgoing(id, body)
    if (status === undefined) throw new Refusal('TRANSFER_NOT_FOUND')
    return send(reply, { status: 200, body: { transferId: id, status } })
  })
}

/** The adapter turns `statusCode` into the FSPIOP error of that code; what is not listed is an internal error. */
const mojaloopCodes: Partial<Record<RefusalCode, string>> = {
  BAD_REQUEST: '3101',
  VALIDATION_FAILED: '3101',
  UNSUPPORTED_MEDIA_TYPE: '3101',
  REQUEST_TOO_SLOW: '3000',
  HOST_NOT_ALLOWED: '3000',
  TOO_LARGE: '3104',
  NOT_FOUND: '3002',
  TRANSFER_NOT_FOUND: '3208',
  UNAVAILABLE: '2003',
  OUTCOME_UNKNOWN: '2003',
}

/**
 * What went wrong: on our own paths (/api/…) and for an unknown transfer a problem document, which carries the
 * adapter's two members as well; on the adapter's paths its own error body.
 */
function answerTrouble(
  { CAURI_LANGUAGE, PUBLIC_URL: public_url }: Ctx['config'],
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const language = languageOf(request.headers['accept-language'], CAURI_LANGUAGE)
  const { refusal } = troubleOf(error, language)
  const english = problemOf(refusal, { language: 'en', request_id: request.id })
  const said = { statusCode: mojaloopCodes[refusal.code] ?? '2001', message: english.title }
  if (!request.url.startsWith('/api/') && refusal.code !== 'TRANSFER_NOT_FOUND')
    return reply.code(english.status).send(said)
  const problem = problemOf(refusal, { language, request_id: request.id, public_url })
  return reply
    .code(problem.status)
    .header('content-type', PROBLEM_TYPE)
    .send(JSON.stringify({ ...problem, ...said }))
}
