import { DEMO_ORGANIZATION } from './wiring.ts'
import {
  attest,
  createPerson,
  ensureOrganization,
  findPersonByPhone,
  type PersonRole,
} from './identity/index.ts'
import { createAccount, listAccounts, type NewAccount } from './payments/index.ts'
import { sql, type Db, type Tx } from './platform/db.ts'

const accounts: readonly Omit<NewAccount, 'organization_id'>[] = [
  {
    account_id: 'ACC-123456789',
    party_id_type: 'MSISDN',
    party_identifier: '123456789',
    currency: 'XOF',
    opening_balance: 1_000_000_000n,
  },
  {
    account_id: 'ACC-237000001',
    party_id_type: 'MSISDN',
    party_identifier: '237000001',
    currency: 'XAF',
    opening_balance: 1_000_000_000n,
  },
]

/** In this order of id, 1 to 4. */
const people: readonly { readonly phone_number: string; readonly name: string; readonly role: PersonRole }[] =
  [
    { phone_number: '+237670123456', name: 'Amina Nkeng', role: 'BUYER' },
    { phone_number: '+237698765432', name: 'Bertrand Fotso', role: 'SELLER' },
    { phone_number: '+237655555555', name: 'Clarisse Mbarga', role: 'ARBITRE' },
    { phone_number: '+237600000000', name: 'Daniel Ewondo', role: 'ADMIN' },
  ]

/** TestPassword123!, which everybody may know: hashed once and for all, so that no start waits for it. */
const DEMO_PHC =
  '$argon2id$v=19$m=65536,t=3,p=1$4AP+8MX3r7lk08Yn3Ko6Sg$FDReF22F38mB+eGOqHPXUBiJnAfZilyLkgTeP+fR7iQ'

/**
 * What the sandbox starts with: an organisation and its two accounts, and four people whose phone and identity count as
 * verified; never a batch or a payment. Once only.
 */
export const loadDemo = (db: Db): Promise<void> =>
  db.tx(async (tx) => {
    // Two processes that start at once on an empty database make it once: the second waits here.
    await tx.run(sql`select pg_advisory_xact_lock(hashtext('cauri demo'))`)
    const organization = await ensureOrganization(tx, DEMO_ORGANIZATION)
    const there = await listAccounts(tx, organization.id, { after: 0n, limit: 100 })
    for (const account of accounts)
      if (!there.some((one) => one.account_id === account.account_id))
        await createAccount(tx, 'demo', { ...account, organization_id: organization.id })
    for (const person of people) await ensurePerson(tx, person)
  })

async function ensurePerson(tx: Tx, { phone_number, name, role }: (typeof people)[number]): Promise<void> {
  if ((await findPersonByPhone(tx, phone_number)) !== undefined) return
  const [first_name = '', last_name = ''] = name.split(' ')
  const person = { phone_number, first_name, last_name, roles: [role], preferred_language: 'fr' } as const
  const { id } = await createPerson(tx, 'demo', { person, phc: DEMO_PHC })
  await attest(tx, 'demo', { person_id: id, phone_verified: true, kyc_status: 'VERIFIED' })
}
