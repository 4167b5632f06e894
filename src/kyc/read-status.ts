import { readKycFacts } from '../identity/index.ts'
import { sql, type Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { findCurrentConsent } from './consent.ts'
import type { Kyc } from './kyc.ts'
import { readCase } from './sql/cases.ts'
import { listCurrent } from './sql/documents.ts'
import { folderOf, roundOf } from './submit.ts'
import type { StatusFacts } from './view.ts'

/** Where a person's file stands, all of it at one moment: no decision falls in between. */
export const readStatus = (db: Db, { rules }: Pick<Kyc, 'rules'>, person_id: bigint): Promise<StatusFacts> =>
  db.tx(async (tx) => {
    await tx.run(sql`set transaction isolation level repeatable read, read only`)
    const person = await readKycFacts(tx, person_id)
    if (person === undefined) throw new Refusal('PERSON_NOT_FOUND')
    const documents = await listCurrent(tx, person_id)
    const file = await readCase(tx, person_id)
    return {
      person,
      file,
      documents,
      folder: folderOf(documents, file),
      consent: await findCurrentConsent(tx, person_id),
      round: await roundOf(tx, person, rules),
    }
  })
