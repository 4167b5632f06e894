import { z } from 'zod'
import { kycStates, personRoles, type Person } from './person.ts'
import { memberRoles } from './matrix.ts'
import type { Membership } from './sql/members.ts'
import type { ListedPerson } from './sql/admin.ts'
import type { RoleChange } from './sql/role-changes.ts'
import type { SessionRow } from './sql/sessions.ts'

const text = z.string().nullable()

/** A person as he sees himself: never a hash, never a code. */
export const personSchema = z
  .object({
    id: z.int(),
    phone_number: z.string().describe('E.164'),
    email: text,
    first_name: z.string(),
    last_name: z.string(),
    full_name: z.string(),
    role: z.enum(personRoles).describe('the first of his roles'),
    roles: z.array(z.enum(personRoles)),
    preferred_language: z.enum(['fr', 'en']),
    date_of_birth: text,
    address_street: text,
    address_city: text,
    address_region: text,
    address_postal_code: text,
    address_country: text,
    phone_verified: z.boolean(),
    phone_verified_at: z.iso.datetime().nullable(),
    kyc_status: z.enum(kycStates),
    can_create_escrow: z.boolean().describe('whether he may open a deal as a buyer: role and verified phone'),
    can_arbitrate: z.boolean(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Person' })

export function personView(person: Person): z.output<typeof personSchema> {
  const { roles, phone_verified_at, created_at, is_active, ...same } = person
  return {
    ...same,
    id: Number(person.id),
    full_name: `${person.first_name} ${person.last_name}`,
    role: roles[0] ?? 'BUYER',
    roles: [...roles],
    phone_verified: phone_verified_at !== null,
    phone_verified_at: phone_verified_at?.toISOString() ?? null,
    can_create_escrow: is_active && roles.includes('BUYER') && phone_verified_at !== null,
    can_arbitrate: is_active && roles.includes('ARBITRE'),
    created_at: created_at.toISOString(),
  }
}

export const membershipSchema = z
  .object({
    organization: z.object({ id: z.int(), name: z.string() }),
    roles: z.array(z.enum(memberRoles)),
    permissions: z.array(z.string()).describe('what they allow there, by the actions of the matrix'),
  })
  .meta({ id: 'Membership' })

export const membershipView = (
  one: Membership & { readonly permissions: readonly string[] },
): z.output<typeof membershipSchema> => ({
  organization: { id: Number(one.organization_id), name: one.organization },
  roles: [...one.roles],
  permissions: [...one.permissions],
})

export const roleChangeSchema = z
  .object({
    id: z.int(),
    person_id: z.int(),
    roles_before: z.array(z.enum(personRoles)),
    roles: z.array(z.enum(personRoles)),
    proposed_by: z.int(),
    proposed_at: z.iso.datetime(),
    expires_at: z.iso.datetime().describe('void from then on'),
  })
  .meta({ id: 'RoleChange' })

export const roleChangeView = (change: RoleChange): z.output<typeof roleChangeSchema> => ({
  id: Number(change.id),
  person_id: Number(change.person_id),
  roles_before: [...change.roles_before],
  roles: [...change.roles],
  proposed_by: Number(change.proposed_by),
  proposed_at: change.proposed_at.toISOString(),
  expires_at: change.expires_at.toISOString(),
})

/** A person as an administrator sees him. */
export const listedSchema = personSchema
  .extend({
    is_active: z.boolean(),
    has_second_factor: z.boolean(),
    has_password: z.boolean().describe('false until he has set one by the code that was sent'),
    role_change: roleChangeSchema.nullable().describe('roles that wait for another administrator'),
  })
  .meta({ id: 'ListedPerson' })

export const listedView = (
  { has_second_factor, has_password, ...person }: ListedPerson,
  change: RoleChange | undefined,
): z.output<typeof listedSchema> => ({
  ...personView(person),
  is_active: person.is_active,
  has_second_factor,
  has_password,
  role_change: change === undefined ? null : roleChangeView(change),
})

export const tokensShape = {
  access: z.string().describe('a signed token, ten minutes; send it as Authorization: Bearer'),
  refresh: z.string().describe('opaque; gives the next pair once'),
  expires_in: z.int().describe('seconds that the access token lives'),
}

export const sessionSchema = z
  .object({
    id: z.string(),
    current: z.boolean().describe('the one that asks'),
    address: text,
    user_agent: text,
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Session' })

export const sessionView = (session: SessionRow, current: string): z.output<typeof sessionSchema> => ({
  id: session.id,
  current: session.id === current,
  address: session.address,
  user_agent: session.user_agent,
  created_at: session.created_at.toISOString(),
  last_used_at: session.last_used_at.toISOString(),
  expires_at: session.expires_at.toISOString(),
})
