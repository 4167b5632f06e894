import { putMember } from '../../src/identity/index.ts'
import { insertPerson } from '../../src/identity/sql/people.ts'
import { sql, type Tx } from '../../src/platform/db.ts'

/** Who decides in a scene whose organisation lets nothing go without a second person. */
export type House = {
  readonly maker: bigint
  /** The last of them is never taken out. */
  readonly approvers: readonly bigint[]
}

/** Every batch of this organisation waits, and it has a maker and three approvers. */
export async function openHouse(tx: Tx, organization_id: bigint, n: number): Promise<House> {
  await tx.run(sql`
    insert into identity_approval_limits (organization_id, currency, amount) values (${organization_id}, 'XOF', 0)`)
  const people: bigint[] = []
  for (let i = 0; i < 4; i++) {
    const person_id = await insertPerson(
      tx,
      {
        phone_number: `+2376${String(n).padStart(5, '0')}${String(i).padStart(3, '0')}`,
        first_name: 'Awa',
        last_name: 'Mbarga',
        roles: ['BUYER'],
        preferred_language: 'fr',
      },
      undefined,
    )
    const roles =
      i === 0 ? (['GESTIONNAIRE', 'TRESORIER', 'APPROBATEUR'] as const) : (['APPROBATEUR'] as const)
    await putMember(tx, { organization_id, person_id, roles })
    people.push(person_id)
  }
  const [maker = 0n, ...approvers] = people
  return { maker, approvers }
}
