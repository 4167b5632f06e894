import { ensureOrganization, putMember, type MemberRole } from '../../src/identity/index.ts'
import { createAccount } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { protect } from './otp.ts'
import { bearer, elsewhere, registerPerson } from './people.ts'
import type { TestServer } from './server.ts'

type Headers = Readonly<Record<string, string>>

export type TestMember = {
  readonly id: bigint
  readonly phone: string
  readonly headers: Headers
}

/** An organisation of its own with one account, so that tests do not meet. */
export type TestOrganization = { readonly id: bigint; readonly name: string; readonly account_id: string }

let made = 0
export async function newOrganization(server: TestServer, balance = 1_000_000n): Promise<TestOrganization> {
  const name = `Caisse ${(made += 1)}`
  const account_id = `ACC-ORG-${made}`
  const id = await server.db.tx(async (tx) => {
    const organization = await ensureOrganization(tx, name)
    const party = { party_id_type: 'MSISDN', party_identifier: '22890000001' } as const
    await createAccount(tx, 'test', {
      organization_id: organization.id,
      account_id,
      ...party,
      currency: 'XOF',
      opening_balance: balance,
    })
    return organization.id
  })
  return { id, name, account_id }
}

/** Somebody new who is a member with these roles, whose phone is verified. */
export async function newMember(
  server: TestServer,
  organization: Pick<TestOrganization, 'id'>,
  roles: readonly MemberRole[],
): Promise<TestMember> {
  const person = await newPerson(server)
  await server.db.tx((tx) => putMember(tx, { organization_id: organization.id, person_id: person.id, roles }))
  return person
}

/** Somebody new whose phone is verified. */
export async function newPerson(server: TestServer, more: object = {}): Promise<TestMember> {
  const { id, phone, access } = await registerPerson(server, more)
  await server.db.run(sql`update identity_people set phone_verified_at = cauri_now() where id = ${id}`)
  // In production what moves money wants a second factor, shown a few minutes ago.
  if (server.config.CAURI_MODE === 'production') await protect(server, access)
  return { id, phone, headers: { ...bearer(access), ...elsewhere() } }
}

/** From which amount on batches of this organisation wait. */
export const setApprovalOver = (
  server: TestServer,
  organization: Pick<TestOrganization, 'id'>,
  amount: bigint,
): Promise<number> =>
  server.db.run(sql`
    insert into identity_approval_limits (organization_id, currency, amount) values (${organization.id}, 'XOF', ${amount})
    on conflict (organization_id, currency) do update set amount = excluded.amount`)
