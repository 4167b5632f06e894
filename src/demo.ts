import { DEMO_ORGANIZATION } from './wiring.ts'
import { ensureOrganization } from './identity/index.ts'
import { createAccount, listAccounts, type NewAccount } from './payments/index.ts'
import { sql, type Db } from './platform/db.ts'

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

/** What the sandbox starts with: an organisation and its two accounts; never a batch or a payment. Once only. */
export const loadDemo = (db: Db): Promise<void> =>
  db.tx(async (tx) => {
    // Two processes that start at once on an empty database make it once: the second waits here.
    await tx.run(sql`select pg_advisory_xact_lock(hashtext('cauri demo'))`)
    const organization = await ensureOrganization(tx, DEMO_ORGANIZATION)
    const there = await listAccounts(tx, organization.id, { after: 0n, limit: 100 })
    for (const account of accounts)
      if (!there.some((one) => one.account_id === account.account_id))
        await createAccount(tx, 'demo', { ...account, organization_id: organization.id })
  })
