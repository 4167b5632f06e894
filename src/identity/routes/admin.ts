import { z } from 'zod'
import type { Reader } from '../../platform/db.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { addPerson, changePerson, readListed, readStatistics } from '../admin-people.ts'
import { administrator, setActive } from '../administer.ts'
import type { Identity } from '../identity.ts'
import { may } from '../matrix.ts'
import { kycStates, personRoles } from '../person.ts'
import { confirmRoles, rejectRoles } from '../role-change.ts'
import { countPeople, listPeople, type ListedPerson, type PeopleFilter } from '../sql/admin.ts'
import { listRoleChanges } from '../sql/role-changes.ts'
import { listedSchema, listedView, roleChangeSchema, roleChangeView } from '../view.ts'
import { email, language, line, phone, signedIn } from './input.ts'

const reading = { tags: ['administration'], access: may('people.read') } as const
const changing = { tags: ['administration'], access: may('people.manage') } as const
const number = z.string().regex(/^[1-9]\d{0,14}$/)
const byId = z.object({ id: number })
const roles = z
  .array(z.enum(personRoles))
  .min(1)
  .max(4)
  .refine((list) => new Set(list).size === list.length)
const listed = { 200: listedSchema } as const

/** A person as he is now, with the roles that wait for him. */
async function viewOf(db: Reader, id: bigint): Promise<z.output<typeof listedSchema>> {
  const person = await readListed(db, id)
  const [change] = await listRoleChanges(db, id)
  return listedView(person, change)
}

const listQuery = z.object({
  role: z.enum(personRoles).optional(),
  kyc_status: z.enum(kycStates).optional(),
  is_active: z.enum(['true', 'false']).optional(),
  search: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .optional()
    .describe('a part of the number, the name or the e-mail'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  cursor: number.optional().describe('next_cursor of the page before; instead of offset'),
})
type ListQuery = z.output<typeof listQuery>

const filterOf = ({ role, kyc_status, is_active, search }: ListQuery): PeopleFilter => ({
  role: role ?? null,
  kyc_status: kyc_status ?? null,
  is_active: is_active === undefined ? null : is_active === 'true',
  search: search ?? null,
})

function nextLink(query: ListQuery, cursor: string | undefined): { readonly link?: string } {
  if (cursor === undefined) return {}
  const { role, kyc_status, is_active, search, limit } = query
  const next = new URLSearchParams({ limit: String(limit), cursor })
  for (const [name, value] of Object.entries({ role, kyc_status, is_active, search }))
    if (value !== undefined) next.set(name, value)
  return { link: `</api/auth/admin/users?${next.toString()}>; rel="next"` }
}

const listRoute = defineRoute({
  ...reading,
  method: 'GET',
  path: '/api/auth/admin/users',
  operation_id: 'listUsers',
  summary: 'People, newest first',
  query: listQuery,
  response: {
    200: z.object({
      total: z.int(),
      count: z.int(),
      limit: z.int(),
      offset: z.int(),
      results: z.array(listedSchema),
      next_cursor: z.string().optional(),
    }),
  },
  refusals: [],
  handle: async ({ ctx: { db }, query }) => {
    const { limit, offset, cursor } = query
    const below = cursor === undefined ? null : BigInt(cursor)
    const filter = filterOf(query)
    const rows = await listPeople(db, filter, {
      below,
      limit: limit + 1,
      offset: cursor === undefined ? offset : 0,
    })
    const page = rows.slice(0, limit)
    const next = rows.length > limit ? page.at(-1)?.id.toString() : undefined
    const results = await withChanges(db, page)
    const body = { total: await countPeople(db, filter), count: page.length, limit, offset, results }
    return {
      status: 200,
      body: next === undefined ? body : { ...body, next_cursor: next },
      headers: nextLink(query, next),
    }
  },
})

async function withChanges(
  db: Reader,
  people: readonly ListedPerson[],
): Promise<z.output<typeof listedSchema>[]> {
  const changes = await listRoleChanges(db, null)
  return people.map((person) =>
    listedView(
      person,
      changes.find((one) => one.person_id === person.id),
    ),
  )
}

const readRoute = defineRoute({
  ...reading,
  method: 'GET',
  path: '/api/auth/admin/users/:id',
  operation_id: 'getUser',
  summary: 'One person',
  params: byId,
  response: listed,
  refusals: ['PERSON_NOT_FOUND'],
  handle: async ({ ctx, params }) => ({ status: 200, body: await viewOf(ctx.db, BigInt(params.id)) }),
})

const addRoute = (identity: Identity): Route =>
  defineRoute({
    ...changing,
    method: 'POST',
    path: '/api/auth/admin/users',
    operation_id: 'addUser',
    summary: 'Make a person without a password: a code goes to the phone, by which he sets one',
    body: z.strictObject({
      phone_number: phone,
      first_name: line(100),
      last_name: line(100),
      email: email.optional(),
      roles: roles.default(['BUYER']).describe('ADMIN and ARBITRE wait for another administrator'),
      preferred_language: language.optional(),
    }),
    response: { 201: listedSchema },
    refusals: ['PHONE_INVALID', 'PHONE_TAKEN', 'EMAIL_TAKEN'],
    handle: async ({ ctx, actor, body, language: asked }) => {
      const person = { ...body, preferred_language: body.preferred_language ?? asked }
      const admin_id = signedIn(actor).person_id
      const id = await addPerson(ctx.db, identity, { admin_id, person })
      return { status: 201, body: await viewOf(ctx.db, id) }
    },
  })

const changeRoute = (identity: Identity): Route =>
  defineRoute({
    ...changing,
    method: 'PATCH',
    path: '/api/auth/admin/users/:id',
    operation_id: 'changeUser',
    summary: 'Change what is given; roles that make an administrator or an arbiter wait for another one',
    params: byId,
    body: z.strictObject({
      roles: roles.optional(),
      is_active: z.boolean().optional(),
      first_name: line(100).optional(),
      last_name: line(100).optional(),
      email: email.nullable().optional(),
      preferred_language: language.optional(),
    }),
    response: listed,
    refusals: ['PERSON_NOT_FOUND', 'NOT_ONESELF', 'LAST_ADMIN', 'EMAIL_TAKEN'],
    handle: async ({ ctx, actor, params, body }) => {
      const person_id = BigInt(params.id)
      const admin_id = signedIn(actor).person_id
      await changePerson(ctx.db, identity, { admin_id, person_id, change: body })
      return { status: 200, body: await viewOf(ctx.db, person_id) }
    },
  })

const disableRoute = defineRoute({
  ...changing,
  method: 'DELETE',
  path: '/api/auth/admin/users/:id',
  operation_id: 'disableUser',
  summary: 'Disable a person: sign-ins end at once; nothing is deleted',
  params: byId,
  response: listed,
  refusals: ['PERSON_NOT_FOUND', 'NOT_ONESELF', 'LAST_ADMIN'],
  handle: async ({ ctx, actor, params }) => {
    const person_id = BigInt(params.id)
    const admin = administrator(signedIn(actor).person_id)
    await ctx.db.tx((tx) => setActive(tx, admin, { person_id, is_active: false }))
    return { status: 200, body: await viewOf(ctx.db, person_id) }
  },
})

const changesRoute = defineRoute({
  ...reading,
  method: 'GET',
  path: '/api/auth/admin/role-changes',
  operation_id: 'listRoleChanges',
  summary: 'Changes of roles that wait for another administrator, newest first',
  response: { 200: z.object({ results: z.array(roleChangeSchema) }) },
  refusals: [],
  handle: async ({ ctx }) => {
    return { status: 200, body: { results: (await listRoleChanges(ctx.db, null)).map(roleChangeView) } }
  },
})

const confirmRoute = defineRoute({
  ...changing,
  method: 'POST',
  path: '/api/auth/admin/role-changes/:id/confirm',
  operation_id: 'confirmRoleChange',
  summary: 'Another administrator confirms, and the roles are given',
  params: byId,
  body: z.strictObject({}),
  response: listed,
  refusals: ['ROLE_CHANGE_NOT_FOUND', 'ROLE_CHANGE_STALE', 'SECOND_PERSON_NEEDED', 'PERSON_NOT_FOUND'],
  handle: async ({ ctx, actor, params }) => {
    const by = { admin_id: signedIn(actor).person_id, change_id: BigInt(params.id) }
    return { status: 200, body: await viewOf(ctx.db, await confirmRoles(ctx.db, by)) }
  },
})

const rejectRoute = defineRoute({
  ...changing,
  method: 'POST',
  path: '/api/auth/admin/role-changes/:id/reject',
  operation_id: 'rejectRoleChange',
  summary: 'Refuse a change of roles, or take one’s own back',
  params: byId,
  body: z.strictObject({}),
  response: listed,
  refusals: ['ROLE_CHANGE_NOT_FOUND', 'PERSON_NOT_FOUND'],
  handle: async ({ ctx, actor, params }) => {
    const by = { admin_id: signedIn(actor).person_id, change_id: BigInt(params.id) }
    return { status: 200, body: await viewOf(ctx.db, await rejectRoles(ctx.db, by)) }
  },
})

const counts = <K extends string>(keys: readonly [K, ...K[]]): z.ZodRecord<z.ZodEnum, z.ZodNumber> =>
  z.record(z.enum(keys), z.number().int())

const statisticsRoute = defineRoute({
  ...reading,
  method: 'GET',
  path: '/api/auth/admin/statistics',
  operation_id: 'getUserStatistics',
  summary: 'How many people there are; days and months are UTC’s',
  response: {
    200: z.object({
      total_users: z.int(),
      new_users_this_month: z.int(),
      verified_users: z.int().describe('whose identity is VERIFIED'),
      active_users: z.int().describe('who are not disabled'),
      users_by_role: counts(personRoles).describe('who has two roles counts under both'),
      users_by_kyc_status: counts(kycStates),
      failed_login_attempts_today: z.int(),
    }),
  },
  refusals: [],
  handle: async ({ ctx }) => ({ status: 200, body: await readStatistics(ctx.db) }),
})

/** What administrators do with people. Nobody makes another administrator alone, and nobody is deleted. */
export const adminRoutes = (identity: Identity): readonly Route[] => [
  statisticsRoute,
  listRoute,
  addRoute(identity),
  readRoute,
  changeRoute(identity),
  disableRoute,
  changesRoute,
  confirmRoute,
  rejectRoute,
]
