import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { whileServing, type Actor, type Ctx } from '../context.ts'
import type { Db } from '../db.ts'
import { Refusal, unreachable } from '../errors.ts'
import type { SseStreams } from '../sse.ts'
import { isAccess, type Access } from './access.ts'
import type { Admission, Place } from './admission.ts'
import type { StoredAnswer } from './idempotency.ts'
import { languageOf } from './language.ts'
import { refusalsOf, schemaOf } from './openapi.ts'
import { strictMode } from './problem.ts'
import { checkBody, dropRest, limitBodyTime } from './request-body.ts'
import { openKey, type OpenKey } from './route-key.ts'
import type { StreamGuard } from './stream-guard.ts'
import { laneOf, taken, type HandlerInput, type Route } from './route.ts'

/**
 * Judges who calls by a row of the matrix; without one (an unknown path), whether the credentials are good at all. Throws
 * AUTHENTICATION_REQUIRED, NOT_ALLOWED and the like; never answers an actor that may not.
 */
export type Authorize = (request: FastifyRequest, access: Access | undefined) => Promise<Actor>

/** What serving a route needs besides the route. */
export type Serving = {
  readonly ctx: Ctx
  /** The handlers' databases are narrowed from it. */
  readonly calls: Db
  /** Who calls, and whether the row lets him; without a row, only that the credentials are good. */
  readonly authorize: Authorize
  readonly sse: SseStreams
  /** Judges open streams anew; without it, none is. */
  readonly guard: StreamGuard | undefined
  readonly admission: Admission
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal
  readonly body_timeout_ms: number
  readonly answerTrouble: (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply
}

/** What the first hook found out, for the handler. */
type Known = WeakMap<FastifyRequest, Caller>
type Caller = { readonly actor: Actor; readonly place: Place | undefined }
const anonymous: Actor = { kind: 'anonymous' }

/** Registers the routes, the answer to a wrong method on their paths, and the one to unknown paths. */
export async function addRoutes(
  app: FastifyInstance,
  routes: readonly Route[],
  serving: Serving,
): Promise<void> {
  const known: Known = new WeakMap()
  for (const route of routes) if (route.body !== 'stream') addRoute(app, route, serving, known)
  // Only these accept multipart/form-data: elsewhere it is an unsupported media type.
  await app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers() // these have no limit on their body, so JSON must not be read here
    await uploads.register(multipart, {
      limits: { fieldSize: 65_536, fields: 50, parts: 60, fileSize: serving.ctx.config.UPLOAD_MAX_BYTES },
    })
    for (const route of routes) if (route.body === 'stream') addRoute(uploads, route, serving, known)
  })
  for (const [path, methods] of methodsByPath(routes)) refuseOtherMethods(app, path, methods, serving)
  // Decided before the body is read: whatever is sent to an unknown path, the answer is 404.
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return
    await refuseStranger(request, serving)
    throw new Refusal('NOT_FOUND')
  })
}

function addRoute(app: FastifyInstance, route: Route, serving: Serving, known: Known): void {
  if (!isAccess(route.access)) throw new Error(`${route.method} ${route.path} does not say who may call it`)
  const declared = refusalsOf(route)
  const lane = laneOf(route)
  const isJson = route.body !== undefined && route.body !== 'stream'
  app.route({
    method: route.method,
    url: route.path,
    exposeHeadRoute: route.method === 'GET' && route.endless !== true,
    schema: schemaOf(route),
    config: { declared: route },
    ...bodyLimitOf(route),
    onRequest: async (request, reply) => {
      // Before anything else: asking who calls needs the database too.
      const place = lane && (await serving.admission.enter(lane, reply))
      const actor = route.access.of === 'open' ? anonymous : await serving.authorize(request, route.access)
      // A body that trickles in holds no place; the handler takes one again.
      if (isJson) place?.leave()
      known.set(request, { actor, place: isJson ? undefined : place })
      if (route.body !== 'stream') limitBodyTime(request, reply, serving)
    },
    ...(isJson ? { preValidation: checkBody } : {}),
    handler: async (request, reply) => {
      const { actor, place: kept } = known.get(request) ?? { actor: anonymous, place: undefined }
      const place = kept ?? (lane && (await serving.admission.enter(lane, reply)))
      try {
        const { id: request_id, ip: address, headers } = request
        const role = roleOf(actor)
        const facts = { request_id, address, user_agent: headers['user-agent'], ...(role && { role }) }
        return await whileServing(facts, () => answer(route, serving, { actor, place }, request, reply))
      } catch (error) {
        if (reply.sent) return cutStream(error, request, reply, serving)
        throw undeclared(error, route, declared.has.bind(declared), serving)
      } finally {
        if (lane !== 'export') place?.leave()
        if (route.body === 'stream') dropRest(request)
      }
    },
  })
}

const bodyLimitOf = ({ body, body_limit_bytes }: Route): { readonly bodyLimit?: number } => {
  if (body === 'stream') return { bodyLimit: Number.MAX_SAFE_INTEGER }
  return body_limit_bytes === undefined ? {} : { bodyLimit: body_limit_bytes }
}

/** In which roles he acts, for the trail. */
const roleOf = (actor: Actor): string | undefined =>
  actor.kind === 'anonymous' ? undefined : actor.roles?.join(' ')

/** The reply is taken over: there is no status left to give, so the client sees a broken stream and reconnects. */
function cutStream(
  err: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { ctx }: Serving,
): FastifyReply {
  ctx.log.error({ err, request_id: request.id }, 'a stream broke')
  reply.raw.destroy()
  return reply
}

async function answer(
  route: Route,
  serving: Serving,
  caller: Caller,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { actor } = caller
  const key = openKey(route, actor, request, serving.ctx)
  const replay =
    route.body === 'stream'
      ? undefined
      : await key.begin({ params: request.params, query: request.query, body: request.body })
  if (replay !== undefined) return send(route, reply, replay, true)
  try {
    const said = await route.handle(
      inputOf(serving, { route, ...caller }, key, request, reply) as HandlerInput<never, never, never>,
    )
    if (!('kind' in said)) {
      await key.done()
      return await send(route, reply, said, false)
    }
    return said.kind === 'taken' ? reply : await send(route, reply, said.answer, true)
  } catch (error) {
    // Where the database is away, the first trouble is the answer, and the lease frees the key.
    const stored = await key.failed().catch(() => undefined)
    if (stored === undefined) throw error
    serving.ctx.log.warn(
      { request_id: request.id, err: error },
      'an effect was kept, the trouble came after it',
    )
    return send(route, reply, stored, false)
  }
}

function inputOf(
  { ctx, calls, sse, guard, stopping }: Serving,
  { route, actor, place }: Caller & { readonly route: Route },
  key: OpenKey,
  request: FastifyRequest,
  reply: FastifyReply,
): HandlerInput<unknown, unknown, unknown> {
  return {
    ctx: { ...ctx, db: dbOf(calls, actor, route.access), log: ctx.log.child({ request_id: request.id }) },
    actor,
    params: request.params,
    query: request.query,
    body: request.body,
    request_id: request.id,
    language: languageOf(request.headers['accept-language'], ctx.config.CAURI_LANGUAGE),
    idempotency: key.forHandler,
    get signal() {
      place?.stay()
      return signalOf(reply, stopping)
    },
    openSse: () => {
      place?.stay()
      guard?.assertRoom(actor)
      const stream = sse.open(reply)
      const access = request.routeOptions.config.declared?.access
      if (access !== undefined) guard?.watch(stream, { actor, access })
      return stream
    },
    request,
    reply,
  }
}

/** What the caller may see is all that his handler's statements see: the second net below the matrix. */
function dbOf(calls: Db, actor: Actor, { of }: Access): Db {
  switch (actor.kind) {
    case 'organization':
      return calls.forOrganization(actor.organization_id)
    case 'person':
      return of === 'system' ? calls.forAll() : calls.forPerson(actor.person_id)
    case 'anonymous':
      return calls
    default:
      return unreachable(actor)
  }
}

function signalOf(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  if (stopping.aborted) abort()
  stopping.addEventListener('abort', abort, { once: true })
  reply.raw.once('close', () => {
    stopping.removeEventListener('abort', abort)
    abort()
  })
  return controller.signal
}

async function send(
  route: Route,
  reply: FastifyReply,
  { status, body, headers }: StoredAnswer,
  replayed: boolean,
): Promise<FastifyReply> {
  const spec = route.response[status]
  if (spec === undefined) throw new Error(`${route.method} ${route.path} does not declare status ${status}`)
  if ('content' in spec) {
    const types = Object.keys(spec.content)
    if (types.length === 1 && types[0] !== undefined) reply.type(types[0])
  }
  if (replayed) reply.header('idempotency-replayed', 'true')
  return reply
    .code(status)
    .headers({ ...headers })
    .send(body)
}

/** A refusal that the route did not list is a bug: loud in tests, logged otherwise. */
function undeclared(
  error: unknown,
  route: Route,
  isDeclared: (code: Refusal['code']) => boolean,
  serving: Serving,
): unknown {
  if (!(error instanceof Refusal) || isDeclared(error.code)) return error
  const said = `${route.method} ${route.path} gave ${error.code}, which it does not list`
  if (strictMode.on) return new Error(said, { cause: error })
  serving.ctx.log.error({ code: error.code }, said)
  return error
}

/** In production a stranger learns nothing of which paths exist. */
async function refuseStranger(request: FastifyRequest, { ctx, authorize }: Serving): Promise<void> {
  if (ctx.config.CAURI_MODE === 'production') await authorize(request, undefined)
}

/** The methods of each path; parameters count as equal whatever their names. */
function methodsByPath(routes: readonly Route[]): ReadonlyMap<string, ReadonlySet<string>> {
  const paths = new Map<string, { path: string; methods: Set<string> }>()
  for (const { path, method, endless } of routes) {
    const shape = path.replaceAll(/:[^/]+/g, ':')
    const entry = paths.get(shape) ?? { path, methods: new Set<string>() }
    paths.set(shape, entry)
    entry.methods.add(method)
    if (method === 'GET' && endless !== true) entry.methods.add('HEAD')
  }
  return new Map([...paths.values()].map(({ path, methods }) => [path, methods]))
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

function refuseOtherMethods(
  app: FastifyInstance,
  path: string,
  allowed: ReadonlySet<string>,
  serving: Serving,
): void {
  const others = METHODS.filter((method) => !allowed.has(method))
  if (others.length === 0) return
  app.route({
    method: others,
    url: path,
    schema: { hide: true },
    exposeHeadRoute: false,
    onRequest: async (request, reply) => {
      await refuseStranger(request, serving)
      reply.header('allow', [...allowed, 'OPTIONS'].join(', '))
      throw new Refusal('METHOD_NOT_ALLOWED')
    },
    handler: () => taken,
  })
}
