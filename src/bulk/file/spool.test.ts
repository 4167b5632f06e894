import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { spool, sweepSpool } from './spool.ts'
import { emptyScratch, refusalOf, scratch } from './test-file.ts'

afterAll(emptyScratch)

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('an upload is written as it is to a private file, and hashed', async () => {
  const folder = join(scratch(), 'private', 'uploads')
  const content = Buffer.from('transferId,…\r\n\0')
  const { path, bytes, sha256 } = await spool(
    Readable.from([content.subarray(0, 4), content.subarray(4)]),
    folder,
    {
      max_bytes: content.length,
    },
  )
  expect(readFileSync(path)).toEqual(content)
  expect(bytes).toBe(content.length)
  expect(sha256).toBe(createHash('sha256').update(content).digest('hex'))
  expect([modeOf(path), modeOf(folder)]).toEqual([0o600, 0o700])
})

test('a folder that others could read is closed to them', async () => {
  const folder = join(scratch(), 'open')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  await spool(Readable.from(['x']), folder, { max_bytes: 1 })
  expect(modeOf(folder)).toBe(0o700)
})

test('an upload of ten million rows is refused as soon as the limit is passed, and leaves nothing', async () => {
  const folder = join(scratch(), 'large')
  const rows = Buffer.from('tx-0000001,1,XAF,ALIAS,awa\n'.repeat(1000))
  let given = 0
  function* tenMillion(): Generator<Buffer> {
    for (; given < 10_000; given++) yield rows
  }
  const refusal = await refusalOf(spool(Readable.from(tenMillion()), folder, { max_bytes: 100_000 }))
  expect(refusal.code).toBe('FILE_TOO_LARGE')
  expect(refusal.more.detail?.fr).toContain('100000 octets')
  expect(given).toBeLessThan(100)
  expect(readdirSync(folder)).toEqual([])
})

test('an upload that breaks off leaves nothing', async () => {
  const folder = join(scratch(), 'aborted')
  function* breaksOff(): Generator<string> {
    yield 'transferId'
    expect(readdirSync(folder)).toHaveLength(1)
    throw new Error('the client went away')
  }
  const spooling = spool(Readable.from(breaksOff()), folder, { max_bytes: 100 })
  await expect(spooling).rejects.toThrow('the client went away')
  expect(readdirSync(folder)).toEqual([])
})

test('a sweep deletes old uploads only: neither fresh ones nor the files of others', async () => {
  const folder = join(scratch(), 'swept')
  const old = await spool(Readable.from(['a']), folder, { max_bytes: 1 })
  const fresh = await spool(Readable.from(['b']), folder, { max_bytes: 1 })
  writeFileSync(join(folder, 'notes.csv'), 'mine')
  const hour_ago = new Date(Date.now() - 3_600_000)
  utimesSync(old.path, hour_ago, hour_ago)
  utimesSync(join(folder, 'notes.csv'), hour_ago, hour_ago)
  expect(await sweepSpool(folder, 60_000)).toBe(1)
  const left = new Set(readdirSync(folder).map((name) => join(folder, name)))
  expect(left).toEqual(new Set([fresh.path, join(folder, 'notes.csv')]))
  expect(await sweepSpool(join(scratch(), 'not-there-yet'), 0)).toBe(0)
})
