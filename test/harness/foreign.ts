import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBulk } from '../../src/bulk/create.ts'
import { ensureOrganization } from '../../src/identity/index.ts'
import { createAccount } from '../../src/payments/index.ts'
import { withoutKey } from '../../src/platform/http/idempotency.ts'
import { sha256 } from '../../src/platform/ids.ts'
import { standardCsv } from './multipart.ts'
import type { TestServer } from './server.ts'

export const FOREIGN_ACCOUNT = 'ACC-FOREIGN'

/** Another organisation with an account and a batch, neither of which the demo organisation may see. */
export async function foreignBatch({ db }: TestServer): Promise<string> {
  const name = 'Une autre caisse'
  const organization_id = await db.tx(async (tx) => {
    const { id } = await ensureOrganization(tx, name)
    await createAccount(tx, name, {
      organization_id: id,
      account_id: FOREIGN_ACCOUNT,
      party_id_type: 'MSISDN',
      party_identifier: '22890000000',
      currency: 'XOF',
      opening_balance: 1_000_000n,
    })
    return id
  })
  const folder = await mkdtemp(join(tmpdir(), 'cauri-foreign-'))
  const path = join(folder, 'list.csv')
  await writeFile(path, standardCsv(2, 900_000))
  const { bulk_id } = await createBulk(
    {
      db,
      limits: { max_rows: 10, max_bytes: 10_000 },
      connection: { id: 'mojaloop', fee_cap: 0n },
      same_list_days: 0,
      same_list_warning_days: 0,
      language: 'en',
    },
    { organization_id, name },
    {
      path,
      sha256: sha256('list'),
      file_name: 'list.csv',
      payer_account: FOREIGN_ACCOUNT,
      callback: undefined,
      allow_duplicate: false,
    },
    withoutKey,
  )
  await rm(folder, { recursive: true })
  return bulk_id
}
