import { randomUUID, sign } from 'node:crypto'
import {
  createKey,
  ensureOrganization,
  keyScopes,
  memberRoles,
  personRoles,
  putMember,
  revokeKey,
  rotateKey,
  type MemberRole,
  type PersonRole,
} from '../../src/identity/index.ts'
import { signingKey } from '../../src/identity/token/keys.ts'
import { sql } from '../../src/platform/db.ts'
import { DEMO_ORGANIZATION, identityOf } from '../../src/wiring.ts'
import { bearer, demoPerson, elsewhere, registerPerson, type Registered } from '../harness/people.ts'
import { SECRET_KEY, type TestServer } from '../harness/server.ts'

/** Somebody who calls, as the matrix sees him. */
export type Caller = {
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
} & (
  | { readonly kind: 'stranger' }
  | { readonly kind: 'demo' }
  /** An API key with every scope. */
  | { readonly kind: 'key'; readonly organization: 'owner' | 'other' }
  | {
      readonly kind: 'person'
      readonly roles: readonly PersonRole[]
      /** His roles in an organisation: the one that owns the objects of the test, or another one. */
      readonly member: readonly MemberRole[]
      readonly organization: 'owner' | 'other' | 'none'
    }
)

export const OTHER_ORGANIZATION = 'Une autre caisse'

/** Everybody who must be told apart: strangers of all kinds, each role, members of the owner and of another organisation. */
export async function openCallers(server: TestServer): Promise<readonly Caller[]> {
  return [
    ...(await strangers(server)),
    { kind: 'demo', name: 'this machine, without credentials', headers: {} },
    ...(await Promise.all(
      personRoles.map(async (role): Promise<Caller> => ({
        kind: 'person',
        name: role,
        headers: { ...(await demoPerson(server, role)), ...elsewhere() },
        roles: [role],
        member: [],
        organization: 'none',
      })),
    )),
    ...(await Promise.all(memberRoles.map((role) => member(server, role, [role], DEMO_ORGANIZATION)))),
    await member(server, 'a member of another organisation', memberRoles, OTHER_ORGANIZATION),
    await key(server, 'an API key with every scope', DEMO_ORGANIZATION),
    await key(server, 'an API key of another organisation', OTHER_ORGANIZATION),
  ]
}

async function member(
  server: TestServer,
  name: string,
  roles: readonly MemberRole[],
  organization: string,
): Promise<Caller> {
  const { id, access } = await registerPerson(server)
  await server.db.tx(async (tx) => {
    const { id: organization_id } = await ensureOrganization(tx, organization)
    await putMember(tx, { organization_id, person_id: id, roles })
  })
  const headers = { ...bearer(access), ...elsewhere() }
  return {
    kind: 'person',
    name,
    headers,
    roles: ['BUYER'],
    member: roles,
    organization: organization === DEMO_ORGANIZATION ? 'owner' : 'other',
  }
}

async function key(server: TestServer, name: string, organization: string): Promise<Caller> {
  const headers = { ...bearer(await newKey(server, { organization })), ...elsewhere() }
  return { kind: 'key', name, headers, organization: organization === DEMO_ORGANIZATION ? 'owner' : 'other' }
}

/** A key as it is made, and what then became of it. Answers its secret. */
const newKey = (
  server: TestServer,
  {
    organization = DEMO_ORGANIZATION,
    addresses = [],
    become,
  }: {
    readonly organization?: string
    readonly addresses?: readonly string[]
    readonly become?: 'REVOKED' | 'EXPIRED' | 'ROTATED'
  },
): Promise<string> =>
  server.db.tx(async (tx) => {
    const { id: organization_id } = await ensureOrganization(tx, organization)
    const maker = { organization_id, name: 'test', person_id: null }
    const wanted = { service_account: 'paie', scopes: keyScopes, addresses, expires_at: null }
    const { key: made, secret } = await createKey(tx, { key_mode: 'test' }, maker, wanted)
    const { public_id } = made
    if (become === 'REVOKED') await revokeKey(tx, maker, public_id)
    if (become === 'ROTATED') await rotateKey(tx, maker, { public_id, grace_s: 0 })
    if (become === 'EXPIRED')
      await tx.run(sql`
        update identity_api_keys set created_at = cauri_now() - interval '2 days', expires_at = cauri_now() - interval '1 day'
        where public_id = ${public_id}`)
    return secret
  })

/** Whose credentials are none, or no longer good, or were never for us. */
async function strangers(server: TestServer): Promise<readonly Caller[]> {
  const stranger = (name: string, headers: Readonly<Record<string, string>>): Caller => ({
    kind: 'stranger',
    name,
    headers: { ...elsewhere(), ...headers },
  })
  const [revoked, disabled, living] = [
    await registerPerson(server),
    await registerPerson(server),
    await registerPerson(server),
  ]
  await server.call('POST', '/api/auth/logout', {}, bearer(revoked.access))
  await server.db.run(sql`update identity_people set is_active = false where id = ${disabled.id}`)
  return [
    stranger('anonymous, through a proxy', {}),
    stranger('with a revoked session', bearer(revoked.access)),
    stranger('a disabled person', bearer(disabled.access)),
    stranger('with a refresh token', bearer(living.refresh)),
    stranger('with an expired token', bearer(await resigned(server, living, { iat: -4_000, exp: -3_400 }))),
    stranger(
      'with a token for another audience',
      bearer(await resigned(server, living, { aud: 'urn:other' })),
    ),
    stranger('with a revoked API key', bearer(await newKey(server, { become: 'REVOKED' }))),
    stranger('with an expired API key', bearer(await newKey(server, { become: 'EXPIRED' }))),
    stranger('with an API key from before its rotation', bearer(await newKey(server, { become: 'ROTATED' }))),
    stranger(
      'with an API key from an address that it is not bound to',
      bearer(await newKey(server, { addresses: ['192.0.2.1'] })),
    ),
  ]
}

/** A token of that person that our own key signs, with some claims changed; times are seconds from the genuine ones. */
async function resigned(
  server: TestServer,
  { access }: Registered,
  change: { readonly aud?: string; readonly iat?: number; readonly exp?: number },
): Promise<string> {
  const identity = identityOf({ config: server.config, secret_key: SECRET_KEY })
  const key = await server.db.tx((tx) => signingKey(tx, identity))
  const [header = '', body = ''] = access.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { iat: number; exp: number }
  const changed = {
    ...claims,
    jti: randomUUID(),
    ...(change.aud === undefined ? {} : { aud: change.aud }),
    iat: claims.iat + (change.iat ?? 0),
    exp: claims.exp + (change.exp ?? 0),
  }
  const input = `${header}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}`
  return `${input}.${sign(null, Buffer.from(input), key.private_key).toString('base64url')}`
}
