import type { FastifyRequest } from 'fastify'
import type { Actor, Ctx } from '../context.ts'
import { unreachable } from '../errors.ts'
import {
  beginIdempotent,
  fingerprintOf,
  idempotencyKeyOf,
  withoutKey,
  type Begun,
  type Claim,
  type StoredAnswer,
} from './idempotency.ts'
import type { Route, RouteIdempotency } from './route.ts'

/** The Idempotency-Key of one call, from its claim to its answer. */
export type OpenKey = {
  /** Claims the key for a request whose fields are already known; answers the kept answer of an equal one. */
  readonly begin: (fields: unknown) => Promise<StoredAnswer | undefined>
  readonly forHandler: RouteIdempotency
  /** The handler has answered: frees the key when no answer was kept with an effect. */
  readonly done: () => Promise<void>
  /** The handler failed: frees the key, or answers what is kept when the effect did commit after all. */
  readonly failed: () => Promise<StoredAnswer | undefined>
}

/**
 * Refuses a malformed key at once. On a route that moves no money the header is not read. A process that dies keeps the
 * keys of its requests for LEASE_S, like all that was its own: whoever got no answer asks again with the same key.
 */
export function openKey(route: Route, actor: Actor, request: FastifyRequest, { db, config }: Ctx): OpenKey {
  const key = route.idempotent ? idempotencyKeyOf(request.headers['idempotency-key']) : undefined
  const caller = callerOf(actor)
  const scope = `${caller} ${route.method} ${route.path}`
  let claim: Claim = withoutKey
  let kept = false

  const begin = async (fingerprint: Buffer): Promise<Begun> => {
    if (key === undefined) return withoutKey
    const begun = await beginIdempotent(db, { scope, key, fingerprint, lease_s: config.LEASE_S })
    if (begun.kind === 'replay') return begun
    claim = {
      ...begun,
      complete: async (tx, answer) => {
        await begun.complete(tx, answer)
        kept = true
      },
    }
    return claim
  }
  return {
    begin: async (fields) => {
      if (key === undefined) return undefined
      const begun = await begin(fingerprintOf(fields))
      return begun.kind === 'replay' ? begun.answer : undefined
    },
    forHandler: { key, begin, complete: (tx, answer) => claim.complete(tx, answer) },
    done: async () => {
      if (!kept) await claim.release()
    },
    failed: () => claim.release(),
  }
}

/** A key belongs to who sent it. */
function callerOf(actor: Actor): string {
  switch (actor.kind) {
    case 'organization':
      // A key that was rotated is the same caller; two members are not.
      return actor.person_id === undefined
        ? `organization:${actor.organization_id}`
        : `organization:${actor.organization_id} person:${actor.person_id}`
    case 'person':
      return `person:${actor.person_id}`
    case 'anonymous':
      return 'anonymous'
    default:
      return unreachable(actor)
  }
}
