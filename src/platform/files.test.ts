import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { openTestS3, type TestS3 } from '../../test/harness/s3.ts'
import { openFolderStore, type FileStore } from './files.ts'
import { openS3Store } from './files/s3.ts'

const keys = { bucket: 'documents', access_key: 'AKIDTEST', secret_key: 'a secret of the store' }
let folder: string
let s3: TestS3
const stores: Record<string, FileStore> = {}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cauri-files-'))
  s3 = await openTestS3({ ...keys, page: 2 })
  stores['folder'] = openFolderStore(folder)
  stores['s3'] = open({})
})
afterAll(async () => {
  for (const store of Object.values(stores)) store.close()
  await s3.close()
  await rm(folder, { recursive: true, force: true })
})
const open = (more: { secret_key?: string; timeout_ms?: number }): FileStore =>
  openS3Store({
    ...keys,
    endpoint: s3.url,
    region: 'us-east-1',
    path_style: true,
    timeout_ms: 5_000,
    ...more,
  })

const storeOf = (kind: string): FileStore => {
  const store = stores[kind]
  if (store === undefined) throw new Error(kind)
  return store
}

test.each(['folder', 's3'])('%s: keeps bytes under a name, gives them back, forgets them', async (kind) => {
  const store = storeOf(kind)
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251))
  await store.put('kyc/doc-1', bytes)
  expect(await store.get('kyc/doc-1')).toEqual(bytes)
  await store.put('kyc/doc-1', Buffer.from('other'))
  expect(String(await store.get('kyc/doc-1'))).toBe('other')
  for (const n of [2, 3, 4, 5]) await store.put(`kyc/doc-${n}`, Buffer.from(String(n)))
  const names: string[] = []
  for await (const { name, written_at } of store.list('kyc/')) {
    expect(Math.abs(Date.now() - written_at.getTime())).toBeLessThan(60_000)
    names.push(name)
  }
  expect(names.toSorted()).toEqual([1, 2, 3, 4, 5].map((n) => `kyc/doc-${n}`))
  await store.remove('kyc/doc-1')
  await store.remove('kyc/doc-1')
  expect(await store.get('kyc/doc-1')).toBeUndefined()
  expect(await store.get('kyc/never')).toBeUndefined()
})

test.each(['folder', 's3'])('%s: takes no name but ours', async (kind) => {
  for (const name of [
    '../etc/passwd',
    'kyc/../../x',
    '/kyc/a',
    'kyc/A',
    'kyc/',
    'kyc/a/b',
    'a',
    'kyc/a\0b',
    'kyc/.x',
  ])
    await expect(storeOf(kind).put(name, Buffer.from('x'))).rejects.toThrow('not the name of a file of ours')
})

test.each(['folder', 's3'])('%s: never inside a transaction', async (kind) => {
  const { db } = await freshDatabase()
  const store = storeOf(kind)
  const calls: readonly (() => Promise<unknown>)[] = [
    () => store.put('kyc/x', Buffer.from('x')),
    () => store.get('kyc/x'),
    () => store.remove('kyc/x'),
  ]
  for (const call of calls) await expect(db.tx(call)).rejects.toThrow('inside a database transaction')
})

test('the folder is private, and a half-written file has no name', async () => {
  await storeOf('folder').put('kyc/private', Buffer.from('x'))
  expect((await stat(join(folder, 'kyc/private'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'kyc'))).mode & 0o777).toBe(0o700)
  const half = join(folder, 'kyc/.0123456789abcdef01234567')
  await writeFile(half, 'half')
  const list = async (): Promise<string[]> => {
    const names: string[] = []
    for await (const { name } of storeOf('folder').list('kyc/')) names.push(name)
    return names
  }
  expect(await list()).not.toContain('kyc/.0123456789abcdef01234567')
  expect(String(await readFile(half))).toBe('half')
  await utimes(half, 1, 1)
  await list()
  expect((await readdir(join(folder, 'kyc'))).filter((name) => name.startsWith('.'))).toEqual([])
})

test('s3: what was cut or put off is asked again; a wrong secret is no answer «not there»', async () => {
  s3.failures.push(503, 'cut')
  await storeOf('s3').put('kyc/again', Buffer.from('again'))
  expect(String(s3.objects.get('kyc/again')?.bytes)).toBe('again')
  s3.failures.push(500, 500, 500)
  await expect(storeOf('s3').get('kyc/again')).rejects.toThrow('SlowDown')
  const wrong = open({ secret_key: 'not the secret' })
  await expect(wrong.get('kyc/again')).rejects.toThrow(/SignatureDoesNotMatch/)
  await expect(wrong.put('kyc/bad', Buffer.from('x'))).rejects.toThrow('SignatureDoesNotMatch')
  expect(s3.objects.has('kyc/bad')).toBe(false)
  wrong.close()
})
