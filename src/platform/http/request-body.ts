import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../errors.ts'
import { assertPlainJson } from './validation.ts'

/** How long a body without files may take to arrive, and who answers when it does not. */
export type BodyLimits = {
  readonly body_timeout_ms: number
  readonly answerTrouble: (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply
}

/** No body at all counts as an empty object, so that the schema says which fields are missing. */
export async function checkBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
  assertPlainJson(request.body)
}

/** A body that trickles in would hold its connection: after the limit the caller is told and cut. */
export function limitBodyTime(
  request: FastifyRequest,
  reply: FastifyReply,
  { body_timeout_ms, answerTrouble }: BodyLimits,
): void {
  const { complete, headers } = request.raw
  const length = headers['transfer-encoding'] === undefined ? (headers['content-length'] ?? '0') : ''
  if (complete || length === '0') return
  const timer = setTimeout(() => {
    if (reply.sent || request.raw.complete) return
    reply.header('connection', 'close')
    answerTrouble(new Refusal('REQUEST_TOO_SLOW'), request, reply)
  }, body_timeout_ms)
  timer.unref()
  request.raw.once('end', () => clearTimeout(timer))
  request.raw.once('close', () => clearTimeout(timer))
}

const DROP_MS = 30_000

/**
 * What the handler left unread of an upload is read and dropped, so that the caller gets the answer instead of a
 * reset; not for longer than 30 s.
 */
export function dropRest({ raw }: FastifyRequest): void {
  if (raw.complete) return
  raw.unpipe()
  raw.resume()
  const timer = setTimeout(() => raw.complete || raw.destroy(), DROP_MS)
  timer.unref()
  raw.once('close', () => clearTimeout(timer))
}
