import { z } from 'zod'
import { isNetwork } from '../../platform/config-values.ts'
import type { Actor } from '../../platform/context.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import {
  closeServiceAccount,
  createKey,
  openServiceAccount,
  revokeKey,
  rotateKey,
  type KeyMaker,
} from '../api-key/keys.ts'
import type { Identity } from '../identity.ts'
import { keyScopes, may } from '../matrix.ts'
import { listKeys, listServiceAccounts, type KeyRow, type ServiceAccount } from '../sql/api-keys.ts'
import { actingMember, line } from './input.ts'

const common = { tags: ['API keys'] } as const
const time = z.iso.datetime()

const keySchema = z
  .object({
    id: z.string().describe('the public part; the trail names the key so: key:<id>'),
    service_account: z.string(),
    mode: z.enum(['live', 'test']).describe('live: of production; test: of a sandbox'),
    prefix: z.string().describe('what the key begins with'),
    scopes: z.array(z.string()),
    addresses: z.array(z.string()),
    created_by: z.string(),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    last_used_at: time.nullable().describe('to the minute'),
    last_address: z.string().nullable(),
    is_good: z.boolean(),
    is_known_outside: z
      .boolean()
      .describe('who was shown a secret that is still good is no member any more: rotate the key'),
  })
  .meta({ id: 'ApiKey' })
const shownKey = keySchema
  .extend({ secret: z.string().describe('shown this once') })
  .meta({ id: 'NewApiKey' })

const iso = (date: Date | null): string | null => date?.toISOString() ?? null
const keyView = (row: KeyRow): z.output<typeof keySchema> => ({
  id: row.public_id,
  service_account: row.service_account,
  mode: row.mode,
  prefix: `ck_${row.mode}_${row.public_id}_`,
  scopes: [...row.scopes],
  addresses: [...row.addresses],
  created_by: row.created_by,
  created_at: row.created_at.toISOString(),
  expires_at: iso(row.expires_at),
  revoked_at: iso(row.revoked_at),
  last_used_at: iso(row.last_used_at),
  last_address: row.last_address,
  is_good: row.is_good,
  is_known_outside: row.is_known_outside,
})

const makerOf = (actor: Actor): KeyMaker => {
  const { organization_id, name, person_id } = actingMember(actor)
  return { organization_id, name, person_id }
}

const scope = z.enum(keyScopes as readonly [string, ...string[]])
const keyParams = z.object({ id: z.string().max(40) })
const DAY_S = 86_400

const listRoute = defineRoute({
  ...common,
  access: may('keys.read'),
  method: 'GET',
  path: '/api/api-keys',
  operation_id: 'listApiKeys',
  summary: 'API keys, revoked ones too; never their secrets',
  response: { 200: z.object({ keys: z.array(keySchema) }) },
  refusals: [],
  handle: async ({ ctx, actor }) => {
    const rows = await listKeys(ctx.db, actingMember(actor).organization_id)
    return { status: 200, body: { keys: rows.map(keyView) } }
  },
})

const createRoute = (identity: Identity): Route =>
  defineRoute({
    ...common,
    access: may('keys.manage'),
    method: 'POST',
    path: '/api/api-keys',
    operation_id: 'createApiKey',
    summary: 'Make a key for a program; its secret is shown once',
    body: z.strictObject({
      service_account: line(100).describe('the program that owns it; made when it is new'),
      scopes: z.array(scope).min(1).max(keyScopes.length),
      addresses: z
        .array(z.string().max(50).refine(isNetwork, 'an address or a network, such as 10.0.0.0/8'))
        .max(50)
        .default([])
        .describe('where it may be used from; anywhere when empty'),
      expires_at: z.iso.datetime({ offset: true }).optional(),
    }),
    response: { 201: shownKey },
    refusals: ['SERVICE_ACCOUNT_CLOSED', 'KEY_EXPIRY_PAST'],
    handle: async ({ ctx, actor, body }) => {
      const { service_account, scopes, addresses } = body
      const expires_at = body.expires_at === undefined ? null : new Date(Date.parse(body.expires_at))
      const wanted = { service_account, scopes, addresses, expires_at }
      const { key, secret } = await ctx.db.tx((tx) => createKey(tx, identity, makerOf(actor), wanted))
      return { status: 201, body: { ...keyView(key), secret } }
    },
  })

const changeRoutes: readonly Route[] = [
  defineRoute({
    ...common,
    access: may('keys.manage'),
    method: 'POST',
    path: '/api/api-keys/:id/rotate',
    operation_id: 'rotateApiKey',
    summary: 'Give a key a new secret; the one before lives a little longer',
    params: keyParams,
    body: z.strictObject({
      grace_s: z
        .int()
        .min(0)
        .max(30 * DAY_S)
        .default(DAY_S)
        .describe('seconds; 0: the old one ends now'),
    }),
    response: { 200: shownKey },
    refusals: ['KEY_NOT_FOUND'],
    handle: async ({ ctx, actor, params, body }) => {
      const wanted = { public_id: params.id, grace_s: body.grace_s }
      const { key, secret } = await ctx.db.tx((tx) => rotateKey(tx, makerOf(actor), wanted))
      return { status: 200, body: { ...keyView(key), secret } }
    },
  }),
  defineRoute({
    ...common,
    access: may('keys.manage'),
    method: 'DELETE',
    path: '/api/api-keys/:id',
    operation_id: 'revokeApiKey',
    summary: 'End a key at once',
    params: keyParams,
    response: { 200: keySchema },
    refusals: ['KEY_NOT_FOUND'],
    handle: async ({ ctx, actor, params }) => {
      const key = await ctx.db.tx((tx) => revokeKey(tx, makerOf(actor), params.id))
      return { status: 200, body: keyView(key) }
    },
  }),
]

const accountSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    created_by: z.string(),
    created_at: time,
    closed_at: time.nullable(),
  })
  .meta({ id: 'ServiceAccount' })

const accountView = (account: ServiceAccount): z.output<typeof accountSchema> => ({
  id: Number(account.id),
  name: account.name,
  created_by: account.created_by,
  created_at: account.created_at.toISOString(),
  closed_at: iso(account.closed_at),
})

const accounts = z.object({ service_accounts: z.array(accountSchema) })

const accountRoutes: readonly Route[] = [
  defineRoute({
    ...common,
    access: may('keys.read'),
    method: 'GET',
    path: '/api/service-accounts',
    operation_id: 'listServiceAccounts',
    summary: 'Programs that own keys',
    response: { 200: accounts },
    refusals: [],
    handle: async ({ ctx, actor }) => {
      const rows = await listServiceAccounts(ctx.db, actingMember(actor).organization_id)
      return { status: 200, body: { service_accounts: rows.map(accountView) } }
    },
  }),
  defineRoute({
    ...common,
    access: may('keys.manage'),
    method: 'POST',
    path: '/api/service-accounts',
    operation_id: 'createServiceAccount',
    summary: 'Make a program known before its first key',
    body: z.strictObject({ name: line(100) }),
    response: { 200: accounts },
    refusals: ['SERVICE_ACCOUNT_CLOSED'],
    handle: async ({ ctx, actor, body }) => {
      const maker = makerOf(actor)
      await ctx.db.tx((tx) => openServiceAccount(tx, maker, body.name))
      const rows = await listServiceAccounts(ctx.db, maker.organization_id)
      return { status: 200, body: { service_accounts: rows.map(accountView) } }
    },
  }),
  defineRoute({
    ...common,
    access: may('keys.manage'),
    method: 'DELETE',
    path: '/api/service-accounts/:id',
    operation_id: 'closeServiceAccount',
    summary: 'End a program: every key of it ends at once',
    params: z.object({ id: z.string().regex(/^\d{1,15}$/) }),
    response: { 200: accounts },
    refusals: ['SERVICE_ACCOUNT_NOT_FOUND'],
    handle: async ({ ctx, actor, params }) => {
      const maker = makerOf(actor)
      await ctx.db.tx((tx) => closeServiceAccount(tx, maker, BigInt(params.id)))
      const rows = await listServiceAccounts(ctx.db, maker.organization_id)
      return { status: 200, body: { service_accounts: rows.map(accountView) } }
    },
  }),
]

/** Keys of programs, and the programs that own them. */
export const apiKeyRoutes = (identity: Identity): readonly Route[] => [
  listRoute,
  createRoute(identity),
  ...changeRoutes,
  ...accountRoutes,
]
