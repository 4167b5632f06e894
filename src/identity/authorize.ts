import type { Actor } from '../platform/context.ts'
import type { Db } from '../platform/db.ts'
import { Refusal, unreachable, type RefusalCode } from '../platform/errors.ts'
import type { Access } from '../platform/http/access.ts'
import type { Credentials } from '../platform/http/credentials.ts'
import { actAsKey, isKey, readKey } from './api-key/act-as-key.ts'
import { readCookie } from './cookie-session.ts'
import type { Identity } from './identity.ts'
import { ruleOf, type Rule } from './matrix.ts'
import { findOrganizationByName } from './organization.ts'
import { personName } from './person.ts'
import { listGood } from './sql/api-keys.ts'
import { listMemberships, listMembershipsOf } from './sql/members.ts'
import { findSigned, listOpen, type Signed, type SignedBy } from './sql/sessions.ts'
import { assertShown } from './step-up.ts'
import { spendTicket } from './stream-ticket.ts'
import { readAccess } from './token/access.ts'

/** What a request says about who calls, before anything of it is believed. */
export type Claimed = Credentials & {
  /** The organisation that the sandbox's own machine acts for without credentials. */
  readonly demo_organization: string | undefined
}

/** Somebody whose credentials are good. What he may do is not decided yet. */
type Known = Signed & {
  readonly person_id: bigint
  readonly session_id: string
  /** The organisation that he names. */
  readonly organization: string | undefined
}

/**
 * Who calls, and whether he may: the matrix, judged before the body is read. Roles, memberships and the session are read at
 * each request: what is taken away is gone at once. A request with credentials never falls back to anything. Refuses
 * AUTHENTICATION_REQUIRED, NOT_ALLOWED, ORGANIZATION_NOT_FOUND, ORGANIZATION_REQUIRED, SECOND_FACTOR_REQUIRED, STEP_UP_REQUIRED.
 */
export async function authorize(
  db: Db,
  identity: Identity,
  claimed: Claimed,
  access: Access,
): Promise<Actor> {
  const rule = ruleOf(access.action)
  if (rule === undefined) throw new Error(`${access.action} is not in the matrix`)
  if (rule.of === 'open') return { kind: 'anonymous' }
  if (!hasCredentials(claimed)) return withoutCredentials(db, claimed, rule)
  if (isKey(claimed.authorization)) return actAsKey(db, identity, claimed, { action: access.action, rule })
  const known = await readCredentials(db, identity, claimed)
  const actor = await allowed(db, known, rule)
  assertShown(identity, known, rule)
  return actor
}

async function allowed(db: Db, known: Known, rule: Exclude<Rule, { of: 'open' }>): Promise<Actor> {
  switch (rule.of) {
    case 'person':
    case 'system': {
      const { person_id, session_id, roles } = known
      if (!rule.roles.some((role) => roles.includes(role))) throw new Refusal('NOT_ALLOWED')
      return { kind: 'person', person_id, session_id, roles }
    }
    case 'organization':
      return asMember(db, known, rule)
    default:
      return unreachable(rule)
  }
}

const hasCredentials = ({ authorization, ticket, cookie }: Credentials): boolean =>
  authorization !== undefined || ticket !== undefined || cookie !== undefined

async function withoutCredentials(db: Db, { demo_organization }: Claimed, rule: Rule): Promise<Actor> {
  if (rule.of === 'organization' && rule.demo && demo_organization !== undefined) {
    const organization = await findOrganizationByName(db, demo_organization)
    if (organization !== undefined)
      return { kind: 'organization', organization_id: organization.id, name: organization.name }
  }
  throw new Refusal('AUTHENTICATION_REQUIRED')
}

/** Refuses AUTHENTICATION_REQUIRED unless the credentials are good, whatever they allow. */
export async function assertCredentials(db: Db, identity: Identity, claimed: Credentials): Promise<void> {
  if (!hasCredentials(claimed)) throw new Refusal('AUTHENTICATION_REQUIRED')
  if (isKey(claimed.authorization)) return void (await readKey(db, identity, claimed))
  await readCredentials(db, identity, claimed)
}

/** Whose credentials they are; the session is open and its person active. */
async function readCredentials(db: Db, identity: Identity, claimed: Credentials): Promise<Known> {
  const by = await readClaim(db, identity, claimed)
  const signed = by && (await findSigned(db, by, identity.limits.step_up_s))
  if (by === undefined || signed === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  const { person_id, session_id, organization } = by
  return { ...signed, person_id, session_id, organization }
}

type Claim = SignedBy & { readonly organization: string | undefined }

async function readClaim(
  db: Db,
  identity: Identity,
  { authorization, ticket, cookie, organization }: Credentials,
): Promise<Claim | undefined> {
  if (authorization !== undefined) {
    const token = /^bearer ([A-Za-z0-9._-]+)$/i.exec(authorization)?.[1] // RFC 6750 §2.1
    const claims = token === undefined ? undefined : await readAccess(db, identity, token)
    return claims && { ...claims, organization }
  }
  if (ticket !== undefined) {
    const spent = await spendTicket(db, ticket)
    return spent && { ...spent, organization: spent.organization_id?.toString() }
  }
  const by = cookie === undefined ? undefined : await readCookie(db, identity, cookie)
  return by && { ...by, organization }
}

/** A member acts for the organisation that he names, or for his only one. Another one does not exist for him. */
async function asMember(
  db: Db,
  { person_id, session_id, organization: named }: Known,
  rule: Extract<Rule, { of: 'organization' }>,
): Promise<Actor> {
  const all = await listMemberships(db, person_id)
  if (named === undefined && all.length > 1) throw new Refusal('ORGANIZATION_REQUIRED')
  const membership =
    named === undefined ? all[0] : all.find(({ organization_id }) => String(organization_id) === named)
  if (membership === undefined)
    throw new Refusal(named === undefined ? 'NOT_ALLOWED' : 'ORGANIZATION_NOT_FOUND')
  const { organization_id, roles } = membership
  if (!rule.roles.some((role) => roles.includes(role))) throw new Refusal('NOT_ALLOWED')
  return { kind: 'organization', organization_id, name: personName(person_id), person_id, session_id, roles }
}

/**
 * Whether those who opened something that lasts may still have it: their session is open and their role is what it was, or
 * the secret of their key is good. For each, why not; undefined where it may go on.
 */
export async function stillMay(
  db: Db,
  calls: readonly { readonly actor: Actor; readonly access: Access }[],
): Promise<readonly (RefusalCode | undefined)[]> {
  const sessions = new Map(
    (await listOpen(db, [...new Set(calls.flatMap(({ actor }) => sessionOf(actor) ?? []))])).map(
      (one) => [one.session_id, one] as const,
    ),
  )
  const hashes = calls.flatMap(({ actor }) => secretOf(actor) ?? [])
  const keys = new Map((await listGood(db, hashes)).map(({ hash, scopes }) => [hash.toString('hex'), scopes]))
  const people = [...new Set([...sessions.values()].map(({ person_id }) => person_id))]
  const members = Map.groupBy(await listMembershipsOf(db, people), ({ person_id }) => person_id)
  return calls.map(({ actor, access }) => {
    const secret = secretOf(actor)
    if (secret !== undefined) {
      const scopes = keys.get(secret.toString('hex'))
      if (scopes === undefined) return 'AUTHENTICATION_REQUIRED'
      return scopes.includes(access.action) ? undefined : 'NOT_ALLOWED'
    }
    const session_id = sessionOf(actor)
    const rule = ruleOf(access.action)
    if (session_id === undefined || rule === undefined || rule.of === 'open') return undefined
    const session = sessions.get(session_id)
    if (session === undefined) return 'AUTHENTICATION_REQUIRED'
    const roles: readonly string[] =
      actor.kind === 'organization'
        ? (members.get(session.person_id) ?? []).flatMap((one) =>
            one.organization_id === actor.organization_id ? one.roles : [],
          )
        : session.roles
    return rule.roles.some((role) => roles.includes(role)) ? undefined : 'NOT_ALLOWED'
  })
}

const sessionOf = (actor: Actor): string | undefined =>
  actor.kind === 'anonymous' ? undefined : actor.session_id

const secretOf = (actor: Actor): Buffer | undefined =>
  actor.kind === 'organization' ? actor.secret_hash : undefined
