import { createKey, keyScopes } from '../../src/identity/index.ts'
import { newId, sha256 } from '../../src/platform/ids.ts'
import { sql, type Db } from '../../src/platform/db.ts'

/** What an organisation has besides batches and accounts, one of each. */
export type Furnished = {
  readonly key: string
  readonly secret: string
  readonly service_account: string
  readonly invitation: string
  readonly proposal: string
  readonly top_up: string
  readonly member: string
}

/** Gives an organisation with an account and a batch one of everything that an organisation can have. `person_id`: a member of it. */
export async function furnish(
  db: Db,
  { organization_id, person_id }: { readonly organization_id: bigint; readonly person_id: bigint },
): Promise<Furnished> {
  const [invitation, proposal, top_up] = [newId('inv-'), newId('prp-'), newId('top-')]
  return db.tx(async (tx) => {
    const maker = { organization_id, name: 'test', person_id }
    const { key, secret } = await createKey(tx, { key_mode: 'test' }, maker, {
      service_account: 'paie',
      scopes: keyScopes,
      addresses: [],
      expires_at: null,
    })
    await tx.run(sql`
      insert into identity_approval_limits (organization_id, currency, amount) values (${organization_id}, 'XOF', 900000000)
      on conflict do nothing`)
    await tx.run(sql`
      insert into identity_invitations (id, organization_id, phone_number, roles, language, token_hash, invited_by,
        invited_person_id, expires_at)
      values (${invitation}, ${organization_id}, '+237699000000', array['SUPERVISEUR'], 'fr', ${sha256(invitation)}, 'test',
        ${person_id}, cauri_now() + interval '7 days')`)
    await tx.run(sql`
      insert into identity_proposals (id, organization_id, kind, payload, proposed_by, proposed_person_id)
      values (${proposal}, ${organization_id}, 'SETTINGS', '{"before": {"XOF": 900000000}, "after": {}}', 'test', ${person_id})`)
    await tx.run(sql`
      insert into payments_top_ups (id, account_id, amount, reference, proposed_by, proposed_people)
      select ${top_up}, min(id), 5, ${top_up}, 'test', array[${person_id}::bigint] from payments_accounts
      where organization_id = ${organization_id}`)
    await tx.run(sql`
      insert into bulk_approvals (batch_id, approval_over, list_hash, maker_people)
      select min(id), 5, 'x', array[${person_id}::bigint] from bulk_batches where organization_id = ${organization_id}`)
    const { id } = await tx.one<{ id: bigint }>(sql`
      select id from identity_service_accounts where organization_id = ${organization_id}`)
    const ids = { key: key.public_id, service_account: String(id), member: String(person_id) }
    return { ...ids, secret, invitation, proposal, top_up }
  })
}
