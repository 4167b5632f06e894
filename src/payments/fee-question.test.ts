import { expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { newBatch, openPayer } from '../../test/harness/payments.ts'
import { sql } from '../platform/db.ts'
import {
  confirmFeeQuestion,
  ensureConnection,
  findAccount,
  listFeeQuestions,
  proposeFeeQuestion,
} from './index.ts'

test('two people say who bears a fee, once: a third is told that it is decided, and the money moves once', async () => {
  const { db } = await freshDatabase()
  await ensureConnection(db, 'mojaloop', 'mojaloop')
  const payer = await openPayer(db, 'ACC-FEES', 10_000n)
  const batch_id = await newBatch(db, payer, ['22890000001'])
  const line = { batch_id, seq: 1 }
  await db.run(sql`
    insert into payments_fee_questions (batch_id, seq, attempt, amount) values (${batch_id}, 1, 1, 30)`)
  const available = async (): Promise<bigint> =>
    (await findAccount(db, payer.organization_id, payer.account_id)).available
  const confirm = (by: string): Promise<unknown> => db.tx((tx) => confirmFeeQuestion(tx, line, by))

  await expect(confirm('Koffi')).rejects.toMatchObject({ code: 'REVIEW_WRONG_STATE' })
  await db.tx((tx) => proposeFeeQuestion(tx, line, 'PAYER', 'Ama'))
  await expect(confirm(' AMA ')).rejects.toMatchObject({ code: 'REVIEW_SAME_PERSON' })
  const before = await available()
  const both = await Promise.allSettled([confirm('Koffi'), confirm('Yao')])
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  await expect(confirm('Afi')).rejects.toMatchObject({ code: 'REVIEW_WRONG_STATE' })
  await expect(db.tx((tx) => proposeFeeQuestion(tx, line, 'HOUSE', 'Afi'))).rejects.toMatchObject({
    code: 'REVIEW_NOT_FOUND',
  })
  expect(before - (await available())).toBe(30n)
  expect(await listFeeQuestions(db, 10)).toEqual([])
})
