import type { Actor } from '../platform/context.ts'
import type { Db } from '../platform/db.ts'
import { Refusal, unreachable } from '../platform/errors.ts'
import type { Access } from '../platform/http/access.ts'
import { actAsKey, isKey, readKey } from './api-key/act-as-key.ts'
import type { Identity } from './identity.ts'
import { ruleOf, type Rule } from './matrix.ts'
import { findOrganizationByName } from './organization.ts'
import { personName, type PersonRole } from './person.ts'
import { listMemberships } from './sql/members.ts'
import { findSigned } from './sql/sessions.ts'
import { readAccess } from './token/access.ts'

/** What a request says about who calls, before anything of it is believed. */
export type Claimed = {
  /** The Authorization header. */
  readonly authorization: string | undefined
  /** The Cauri-Organization header: for which of his organisations a member acts. */
  readonly organization: string | undefined
  /** The organisation that the sandbox's own machine acts for without credentials. */
  readonly demo_organization: string | undefined
  /** Where the call comes from, believed: an API key may be bound to it. */
  readonly address: string
}

/** Somebody whose credentials are good. What he may do is not decided yet. */
type Known = {
  readonly person_id: bigint
  readonly session_id: string
  readonly roles: readonly PersonRole[]
}

/**
 * Who calls, and whether he may: the matrix, judged before the body is read. Roles, memberships and the session are read at
 * each request: what is taken away is gone at once. A request with credentials never falls back to anything. Refuses
 * AUTHENTICATION_REQUIRED, NOT_ALLOWED, ORGANIZATION_NOT_FOUND, ORGANIZATION_REQUIRED.
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
  if (claimed.authorization === undefined) return withoutCredentials(db, claimed, rule)
  if (isKey(claimed.authorization)) return actAsKey(db, identity, claimed, { action: access.action, rule })
  const known = await readToken(db, identity, claimed.authorization)
  switch (rule.of) {
    case 'person':
    case 'system':
      if (!rule.roles.some((role) => known.roles.includes(role))) throw new Refusal('NOT_ALLOWED')
      return { kind: 'person', ...known }
    case 'organization':
      return asMember(db, known, claimed.organization, rule)
    default:
      return unreachable(rule)
  }
}

async function withoutCredentials(db: Db, { demo_organization }: Claimed, rule: Rule): Promise<Actor> {
  if (rule.of === 'organization' && rule.demo && demo_organization !== undefined) {
    const organization = await findOrganizationByName(db, demo_organization)
    if (organization !== undefined)
      return { kind: 'organization', organization_id: organization.id, name: organization.name }
  }
  throw new Refusal('AUTHENTICATION_REQUIRED')
}

/** Refuses AUTHENTICATION_REQUIRED unless the credentials are good, whatever they allow. */
export async function assertCredentials(
  db: Db,
  identity: Identity,
  { authorization, address }: Pick<Claimed, 'authorization' | 'address'>,
): Promise<void> {
  if (authorization === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  if (isKey(authorization)) return void (await readKey(db, identity, { authorization, address }))
  await readToken(db, identity, authorization)
}

/** Who signs with this Authorization header (RFC 6750 §2.1). */
async function readToken(db: Db, identity: Identity, authorization: string): Promise<Known> {
  const token = /^bearer ([A-Za-z0-9._-]+)$/i.exec(authorization)?.[1]
  const claims = token === undefined ? undefined : await readAccess(db, identity, token)
  const signed = claims && (await findSigned(db, claims))
  if (claims === undefined || signed === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  const { person_id, session_id } = claims
  return { person_id, session_id, roles: signed.roles }
}

/** A member acts for the organisation that he names, or for his only one. Another one does not exist for him. */
async function asMember(
  db: Db,
  { person_id }: Known,
  named: string | undefined,
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
  return { kind: 'organization', organization_id, name: personName(person_id), person_id, roles }
}
