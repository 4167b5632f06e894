import { expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { sql } from '../platform/db.ts'
import { openIdentity, type Identity } from './identity.ts'
import { createPerson } from './register.ts'
import { rotateKeys } from './reseal.ts'
import { seal, unsealWith } from './token/seal.ts'

const [OLD, NEW, SECRET] = ['o'.repeat(32), 'n'.repeat(32), 's'.repeat(32)]
const PHC = '$argon2id$v=19$m=64,t=1,p=1$4AP+8MX3r7lk08Yn3Ko6Sg$FDReF22F38mB+eGOqHPXUBiJnAfZilyLkgTeP+fR7iQ'
const withKeys = (field_key: string): Identity =>
  openIdentity({
    secret_key: SECRET,
    field_key,
    sendCode: () => Promise.resolve(true),
    askReset: () => Promise.resolve(),
    sendInvitation: () => Promise.resolve(),
  })

test('second factors open under every key of the list, and after sealing anew without the old one', async () => {
  const { db } = await freshDatabase()
  const [before, both, after] = [withKeys(OLD), withKeys(`2:${NEW},1:${OLD}`), withKeys(`2:${NEW}`)]
  const ids: bigint[] = []
  for (let i = 0; i < 3; i++)
    await db.tx(async (tx) => {
      const person = {
        phone_number: `+23769000000${i}`,
        first_name: 'A',
        last_name: 'B',
        roles: ['BUYER'],
        preferred_language: 'fr',
      } as const
      const { id } = await createPerson(tx, 'test', { person, phc: PHC })
      const sealed = seal(before.sealing_keys[0], `person:${id}`, Buffer.from(`secret ${i}`))
      await tx.run(
        sql`insert into identity_second_factors (person_id, sealed_secret) values (${id}, ${sealed})`,
      )
      ids.push(id)
    })
  const read = async (identity: Identity): Promise<string[]> => {
    const rows = await db.many<{ person_id: bigint; sealed_secret: Buffer }>(sql`
      select person_id, sealed_secret from identity_second_factors order by person_id`)
    return rows.map(({ person_id, sealed_secret }) =>
      String(unsealWith(identity.sealing_keys, `person:${person_id}`, sealed_secret)),
    )
  }
  const secrets = ['secret 0', 'secret 1', 'secret 2']
  expect(await read(both)).toEqual(secrets)
  await expect(read(after)).rejects.toThrow('FIELD_ENCRYPTION_KEY')
  const rotated = async (): Promise<unknown> => (await rotateKeys(db, both, 'test')).second_factors
  expect(await rotated()).toEqual({ resealed: 3, unreadable: 0 })
  expect(await rotated()).toEqual({ resealed: 0, unreadable: 0 })
  expect(await read(after)).toEqual(secrets)
  await expect(read(before)).rejects.toThrow('FIELD_ENCRYPTION_KEY')
  expect(ids).toHaveLength(3)
})
