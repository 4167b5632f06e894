import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { ask } from '../../test/harness/home.ts'
import { databaseUrl } from '../../test/harness/clones.ts'
import { freshDatabase } from '../../test/harness/database.ts'
import { migrate } from './migrate.ts'

const server = inject('server').url
const databases: string[] = []
const folders: string[] = []

/** A database without anything in it. */
async function emptyDatabase(): Promise<string> {
  const name = `${inject('server').template}_m${databases.length}_${process.pid}`
  databases.push(name)
  await ask(server, `create database ${name} template template0`)
  return databaseUrl(server, name)
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cauri-migrations-'))
  folders.push(folder)
  write(folder, files)
  return folder
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
}

afterAll(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true })
  for (const name of databases) await ask(server, `drop database ${name} with (force)`)
})

const TWO = {
  '0001_cowries.sql': 'create table cowries (id int primary key);\ninsert into cowries values (1);',
  '0002_more.sql': 'insert into cowries values (2);',
}
const cowries = async (url: string): Promise<unknown> =>
  (await ask(url, 'select array_agg(id order by id) as ids from cowries'))[0]?.['ids']

test('files are applied once, in the order of their numbers', async () => {
  const [url, folder] = [await emptyDatabase(), folderWith(TWO)]
  expect(await migrate(url, folder)).toEqual({ applied: ['0001_cowries.sql', '0002_more.sql'] })
  expect(await migrate(url, folder)).toEqual({ applied: [] })
  write(folder, { '0003_last.sql': 'insert into cowries values (3);' })
  expect(await migrate(url, folder)).toEqual({ applied: ['0003_last.sql'] })
  expect(await cowries(url)).toEqual([1, 2, 3])
})

test('of eight starts at once one applies and the others wait', async () => {
  const [url, folder] = [await emptyDatabase(), folderWith(TWO)]
  const all = await Promise.all(Array.from({ length: 8 }, () => migrate(url, folder)))
  expect(all.flatMap(({ applied }) => applied)).toEqual(Object.keys(TWO))
  expect(await cowries(url)).toEqual([1, 2])
})

test('a file that fails leaves nothing of itself, keeps those before it, and is named with its line', async () => {
  const bad = 'insert into cowries values (3);\ninsert into\n  cowry values (4);'
  const [url, folder] = [await emptyDatabase(), folderWith({ ...TWO, '0003_bad.sql': bad })]
  await expect(migrate(url, folder)).rejects.toThrow(/^migration 0003_bad\.sql failed: .*cowry.* \(line 3\)$/)
  expect(await cowries(url)).toEqual([1, 2])
  write(folder, { '0003_bad.sql': 'insert into cowries values (3);' })
  expect(await migrate(url, folder)).toEqual({ applied: ['0003_bad.sql'] })
})

test('a file and the note that it was applied are one transaction', async () => {
  const hiding = 'insert into cowries values (3); alter table platform_migrations rename to hidden'
  const [url, folder] = [await emptyDatabase(), folderWith({ ...TWO, '0003_hiding.sql': hiding })]
  await expect(migrate(url, folder)).rejects.toThrow(/0003_hiding\.sql failed: .*platform_migrations/)
  expect(await cowries(url)).toEqual([1, 2])
})

test('an applied file that has changed is refused before anything is applied', async () => {
  const [url, folder] = [await emptyDatabase(), folderWith(TWO)]
  await migrate(url, folder)
  write(folder, {
    '0001_cowries.sql': 'create table cowries (id bigint)',
    '0003_new.sql': 'delete from cowries',
  })
  await expect(migrate(url, folder)).rejects.toThrow(/changed after they were applied \(0001_cowries\.sql\)/)
  expect(await cowries(url)).toEqual([1, 2])
})

test('the same file with the line ends of Windows has not changed', async () => {
  const [url, folder] = [await emptyDatabase(), folderWith(TWO)]
  await migrate(url, folder)
  write(folder, { '0001_cowries.sql': TWO['0001_cowries.sql'].replaceAll('\n', '\r\n') })
  expect(await migrate(url, folder)).toEqual({ applied: [] })
})

test('a database that is newer than the code is refused', async () => {
  const url = await emptyDatabase()
  await migrate(url, folderWith({ ...TWO, '0003_future.sql': 'select 1' }))
  await expect(migrate(url, folderWith(TWO))).rejects.toThrow(/newer than this version .*0003_future\.sql/)
})

test('a new file numbered before an applied one, a number used twice and an odd name are refused', async () => {
  const url = await emptyDatabase()
  const folder = folderWith({ '0002_two.sql': 'select 2' })
  await migrate(url, folder)
  write(folder, { '0001_late.sql': 'select 1' })
  await expect(migrate(url, folder)).rejects.toThrow(/0001_late\.sql is numbered before 0002_two\.sql/)
  await expect(migrate(url, folderWith({ '0001_a.sql': '', '0001_b.sql': '' }))).rejects.toThrow(
    /has this number/,
  )
  await expect(migrate(url, folderWith({ '1.sql': '' }))).rejects.toThrow(/is named like 0001_name\.sql/)
})

test('the repository’s own migrations are what the template holds', async () => {
  const { ownerUrl } = await freshDatabase()
  expect(await migrate(ownerUrl)).toEqual({ applied: [] })
})
