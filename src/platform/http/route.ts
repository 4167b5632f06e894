import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Actor, Ctx } from '../context.ts'
import type { RefusalCode } from '../errors.ts'
import type { SseStream } from '../sse.ts'
import type { Access } from './access.ts'
import type { Lane } from './admission.ts'
import type { Begun, Completion, StoredAnswer } from './idempotency.ts'
import type { Language } from './language.ts'

/** JSON Schema of one form field, written by hand for upload routes. */
export type FormField = Readonly<Record<string, unknown>>

/**
 * What one status answers: a zod schema (JSON), or several kinds of content. `file` stands for bytes or text that no
 * schema describes (CSV, an event stream); its body is a string, a Buffer or a Readable.
 */
export type ResponseSpec =
  z.ZodType | { readonly description: string; readonly content: Readonly<Record<string, z.ZodType | 'file'>> }

export type Responses = Readonly<Record<number, ResponseSpec>>

type Out<S> = S extends z.ZodType ? z.output<S> : undefined
type BodyOf<S> = S extends z.ZodType ? Frozen<z.output<S>> : unknown
/** Lists and objects may be read-only: a body is only read. */
type Frozen<T> = T extends readonly (infer U)[]
  ? readonly Frozen<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

/** One of the declared statuses with its body. Bodies are plain JSON (no bigint, no Date), or bytes for `file`. */
export type AnswerOf<R extends Responses> = {
  [S in keyof R & number]: {
    readonly status: S
    readonly body: BodyOf<R[S]>
    readonly headers?: Readonly<Record<string, string>>
  }
}[keyof R & number]

/** The handler has taken over the reply (an event stream): the server sends nothing more. */
export type Taken = { readonly kind: 'taken' }
export const taken: Taken = { kind: 'taken' }

/** What a handler is given. `request` and `reply` are for streams only. */
export type HandlerInput<P, Q, B> = {
  /** The log carries the request's id. */
  readonly ctx: Ctx
  readonly actor: Actor
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly request_id: string
  readonly language: Language
  readonly idempotency: RouteIdempotency
  /**
   * Aborted when the client goes away or the server stops: long waits watch it. Who asks for it is about to wait, and
   * gives up the place that the request held in its lane.
   */
  readonly signal: AbortSignal
  /** Takes over the reply as an event stream; return `taken` afterwards. */
  readonly openSse: () => SseStream
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/**
 * The Idempotency-Key of this call, or nothing when the caller sent none (then `complete` does nothing).
 * JSON routes only call `complete` in the transaction of the effect. Upload routes first call `begin` with the
 * fingerprint of fields and file, return a `replay` as it is, and otherwise call `complete` of what they got.
 * A 2xx answer that was never completed counts as one without effect, and the key stays free.
 */
export type RouteIdempotency = Completion & {
  readonly key: string | undefined
  readonly begin: (fingerprint: Buffer) => Promise<Begun>
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
type MaybeSchema = z.ZodType | undefined

type RouteSpec<
  P extends MaybeSchema,
  Q extends MaybeSchema,
  B extends MaybeSchema | 'stream',
  R extends Responses,
  A,
> = {
  readonly method: Method
  /** Fastify's spelling: `/api/bulk-transfers/:id/status`, without a trailing slash. */
  readonly path: string
  /** One English line for the OpenAPI document. */
  readonly summary: string
  readonly tags: readonly string[]
  /** The row of the matrix that says who may call it. Decided before the body is read. */
  readonly access: Access
  readonly params?: P
  readonly query?: Q
  /** `stream`: the handler reads the multipart body itself, by `request.parts()`. */
  readonly body?: B
  /** Longest JSON body, where the usual mebibyte is not enough. */
  readonly body_limit_bytes?: number
  /** Multipart fields as JSON Schema, for the document only (`body: 'stream'`). */
  readonly form?: {
    readonly required: readonly string[]
    readonly properties: Readonly<Record<string, FormField>>
  }
  readonly response: R
  /** Every refusal that the handler may give; those of the edge itself are added. Tests fail on another one. */
  readonly refusals: readonly RefusalCode[]
  /** Moves money: understands Idempotency-Key. */
  readonly idempotent?: boolean
  /** Answers a stream that does not end by itself, so that HEAD is not offered. */
  readonly endless?: boolean
  /** What it queues with when there is too much to do; by default what its method and its answer say. */
  readonly lane?: Lane
  readonly operation_id?: string
  readonly handle: (input: HandlerInput<Out<P>, Out<Q>, Out<B>>) => Promise<A>
}

type Said<R extends Responses> = AnswerOf<R> | Taken | Extract<Begun, { kind: 'replay' }>

/** A route as data: the server, the OpenAPI document and the tests read the same object. */
export type Route = Omit<
  RouteSpec<MaybeSchema, MaybeSchema, MaybeSchema | 'stream', Responses, unknown>,
  'handle'
> & {
  readonly handle: (
    input: HandlerInput<never, never, never>,
  ) => Promise<StoredAnswer | Taken | Extract<Begun, { kind: 'replay' }>>
}

/** Declares a route; its handler's input and answer take their types from the schemas. */
export function defineRoute<
  const R extends Responses,
  P extends MaybeSchema = undefined,
  Q extends MaybeSchema = undefined,
  B extends MaybeSchema | 'stream' = undefined,
  const A extends Said<R> = Said<R>,
>(spec: RouteSpec<P, Q, B, R, A>): Route {
  return spec as Route
}

/** The lane of a route, unless it names its own. Routes that are open to everybody tell of the process only: no lane. */
export function laneOf(route: Route): Lane | undefined {
  if (route.lane !== undefined || route.access.of === 'open') return route.lane
  if (route.body === 'stream') return 'upload'
  if (route.method !== 'GET') return 'control'
  if (route.endless === true) return 'stream'
  const spec = route.response[200]
  return spec !== undefined && 'content' in spec && Object.values(spec.content).includes('file')
    ? 'export'
    : 'read'
}
