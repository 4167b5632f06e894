import { beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../test/harness/database.ts'
import { openCommitEater } from '../../test/harness/lost-commit.ts'
import { CommitUnknown, openDb, sql, type Db } from './db.ts'

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
  const owner = openDb({ url: fresh.url, max: 1 })
  await owner.run(sql`create table test_done (what text)`)
  await owner.run(sql`grant all on test_done to public`)
  await owner.end()
})

const times = async (what: string): Promise<bigint> =>
  (await fresh.db.one<{ n: bigint }>(sql`select count(*) as n from test_done where what = ${what}`)).n

/** A database whose next commit of this work is carried out, and nobody hears of it. */
async function losing(what: string): Promise<{ readonly db: Db; readonly work: Parameters<Db['tx']>[0] }> {
  const eater = await openCommitEater(fresh.url)
  eater.eat('insert into test_done')
  const work: Parameters<Db['tx']>[0] = (tx) => tx.run(sql`insert into test_done values (${what})`)
  return { db: openDb({ url: eater.url }), work }
}

test('a lost commit is not known: what has no key to find it by is not done again', async () => {
  const { db, work } = await losing('without a key')
  await expect(db.tx(work)).rejects.toBeInstanceOf(CommitUnknown)
  expect(await times('without a key')).toBe(1n)
  await db.end()
})

test('a lost commit is looked up by its key: found, it is the answer, and the work is not done again', async () => {
  const { db, work } = await losing('with a key')
  const reread = async (): Promise<string | undefined> =>
    (await times('with a key')) === 1n ? 'it was committed' : undefined
  expect(await db.tx(work, { reread })).toBe('it was committed')
  expect(await times('with a key')).toBe(1n)
  await db.end()
})

test('a lost commit whose key is not found is done again', async () => {
  const { db, work } = await losing('not found')
  expect(await db.tx(work, { reread: () => Promise.resolve(undefined) })).toBe(1)
  expect(await times('not found')).toBe(2n)
  await db.end()
})
