import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { serializerCompiler } from 'fastify-type-provider-zod'
import type { Registry } from 'prom-client'
import type { z } from 'zod'
import type { Ctx } from '../context.ts'
import type { Db } from '../db.ts'
import { Refusal, refusals } from '../errors.ts'
import { newId } from '../ids.ts'
import { noPressure, type Pressure } from '../pressure.ts'
import { openSseStreams } from '../sse.ts'
import { openAdmission, type Lanes } from './admission.ts'
import type { PurseRules } from './purse.ts'
import { guardEdge } from './edge.ts'
import { languageOf } from './language.ts'
import { logRequests } from './log-requests.ts'
import { countRequests, openMetrics } from './metrics.ts'
import { transform } from './openapi.ts'
import { PROBLEM_TYPE, problemOf, troubleOf, type ProblemOptions } from './problem.ts'
import { addRoutes, type Authorize, type Serving } from './serve.ts'
import type { Route } from './route.ts'
import { openStreamGuard, type StreamRules } from './stream-guard.ts'
import { serveMetrics, systemRoutes, type ReadyChecks } from './system-routes.ts'
import { validatorFor } from './validation.ts'

export type ServerOptions = {
  /** What the server itself needs: its database knows everybody's keys. */
  readonly ctx: Ctx
  /** The pool that the handlers' databases are narrowed from; that of `ctx` when absent. */
  readonly calls?: Db
  readonly routes: readonly Route[]
  readonly authorize: Authorize
  /** What `/ready` asks. */
  readonly ready?: ReadyChecks
  /** Where the figures of the other modules are; a new registry when absent. */
  readonly metrics?: Registry
  /** How long requests in flight may take to finish when the server stops. */
  readonly drain_ms?: number
  /** How long a body without files may take to arrive. */
  readonly body_timeout_ms?: number
  /** How open event streams are judged again; without it, they are not. */
  readonly streams?: StreamRules
  /** Longest silence of an event stream. */
  readonly heartbeat_ms?: number
  /** Whether this process has its hands full with what it accepted; without it, it never has. */
  readonly pressure?: Pick<Pressure, 'isHigh'>
  /** Other rules for some lanes of requests, and for those who only look under pressure. */
  readonly lanes?: Lanes & { readonly purse?: PurseRules }
  readonly version?: string
}

/** A JSON body. Files are read by their own routes, under their own limits. */
const BODY_LIMIT_BYTES = 1_048_576
/** Less than the process has to exit (start.ts). */
const DRAIN_MS = 6_000
/** For the answers that no hook has dressed. */
const BARE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}
const BODY_TIMEOUT_MS = 30_000

/**
 * The HTTP server with every route, ready to `listen`. Every answer that is not a success is a problem document,
 * whatever caused it. `close()` ends the event streams with a hint to reconnect, lets requests in flight finish and
 * cuts what remains after `drain_ms`.
 */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { ctx, drain_ms = DRAIN_MS } = options
  const { config } = ctx
  const app = newFastify(config.CAURI_LANGUAGE, config.PUBLIC_URL)
  const stopping = new AbortController()
  const sse = openSseStreams(options.heartbeat_ms === undefined ? {} : { heartbeat_ms: options.heartbeat_ms })
  const guard = options.streams && openStreamGuard(options.streams, ctx.log)
  const serving: Serving = {
    ctx,
    calls: options.calls ?? ctx.db,
    guard,
    authorize: options.authorize,
    sse,
    admission: openAdmission(ctx.log, options.pressure ?? noPressure, options.lanes),
    stopping: stopping.signal,
    body_timeout_ms: options.body_timeout_ms ?? BODY_TIMEOUT_MS,
    answerTrouble: (error, request, reply) => answerTrouble(ctx, error, request, reply),
  }
  app.setValidatorCompiler<z.ZodType>(({ schema }) => validatorFor(schema))
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler((error, request, reply) => answerTrouble(ctx, error, request, reply))
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  logRequests(app, ctx.log)
  await guardEdge(app, config)
  parseJson(app)

  const registry = options.metrics ?? openMetrics()
  countRequests(app, registry)
  await documentApi(app, options.version ?? '0.1.0')
  serveMetrics(app, registry, config)
  await addRoutes(app, [...systemRoutes(options.ready ?? {}), ...options.routes], serving)

  app.addHook('preClose', (done) => {
    stopping.abort()
    guard?.close()
    sse.close()
    // A connection falls idle when its last answer is out, which may be after the server has stopped listening.
    const idle = setInterval(() => app.server.closeIdleConnections(), 50)
    const cut = setTimeout(() => app.server.closeAllConnections(), drain_ms)
    app.server.once('close', () => {
      clearInterval(idle)
      clearTimeout(cut)
    })
    done()
  })
  await app.ready()
  return app
}

function newFastify(fallback: 'fr' | 'en', public_url: string | undefined): FastifyInstance {
  return Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers['x-request-id']),
    return503OnClosing: false, // a request on a kept connection is served, with `connection: close`
    forceCloseConnections: 'idle',
    requestTimeout: 600_000, // an upload on a slow line; bodies without files have their own limit
    keepAliveTimeout: 65_000, // longer than the usual 60 s of proxies, so that they close first
    exposeHeadRoutes: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 300 },
    http: {
      headersTimeout: 15_000, // slow headers
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16_384,
    },
    frameworkErrors: (error, request, reply) => {
      const { refusal } = troubleOf(error, fallback) // a URL that is not one; hooks have not run
      reply.headers({ ...BARE_HEADERS, 'x-request-id': request.id })
      sendProblem(reply, refusal, { language: fallback, request_id: request.id, public_url })
    },
    clientErrorHandler: (error, socket) => answerBrokenHttp(error.code, socket, fallback),
  })
}

/** The caller's request id when it is a sane one (it goes into logs and headers), else a new one. */
function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.:-]{8,128}$/.test(header) ? header : newId('req-')
}

/** Bytes that are not HTTP, or headers too slow or too long: there is no request to reply to, only a socket. */
function answerBrokenHttp(code: string, socket: Socket, language: 'fr' | 'en'): void {
  if (code === 'ECONNRESET' || !socket.writable) return
  const slow = code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const refusal = new Refusal(slow ? 'REQUEST_TOO_SLOW' : 'BAD_REQUEST')
  const problem = problemOf(refusal, { language, request_id: newId('req-') })
  const body = JSON.stringify(problem)
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      Object.entries(BARE_HEADERS)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('') +
      `Connection: close\r\n\r\n${body}`,
  )
}

/** The HTTP edge's answer to everything that went wrong. A bug is logged with its stack, and tells the caller nothing. */
function answerTrouble(ctx: Ctx, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const language = languageOf(request.headers['accept-language'], ctx.config.CAURI_LANGUAGE)
  const { refusal, bug } = troubleOf(error, language)
  const fields = { request_id: request.id, route: request.routeOptions.url, code: refusal.code }
  if (bug) ctx.log.error({ ...fields, err: error }, 'a request met a bug')
  else if (error !== refusal) ctx.log.warn({ ...fields, because: String(error) }, 'a request was refused')
  const { retry_after_s } = refusal.more
  if (retry_after_s !== undefined) reply.header('retry-after', String(retry_after_s))
  if (refusals[refusal.code].status === 401) reply.header('www-authenticate', 'Bearer')
  const { PUBLIC_URL: public_url } = ctx.config
  return sendProblem(reply, refusal, { language, request_id: request.id, public_url })
}

/** Sent as text: the document has extension members that no route's schema knows. */
const sendProblem = (reply: FastifyReply, refusal: Refusal, options: ProblemOptions): FastifyReply =>
  reply
    .code(refusals[refusal.code].status)
    .header('content-type', PROBLEM_TYPE)
    .header('content-language', options.language)
    .send(JSON.stringify(problemOf(refusal, options)))

/** Only JSON is read as a body; an empty one is an empty object, so that the schema says what is missing. */
function parseJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'string' },
    (request, text, done) => void (text === '' ? done(null, {}) : parse(request, String(text), done)),
  )
}

async function documentApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Cauri',
        version,
        description:
          'Bulk transfers and escrow on one ledger. Amounts are whole minor units (XAF, XOF: francs).',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    transform,
  })
  await app.register(swaggerUi, { routePrefix: '/swagger' })
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
}
