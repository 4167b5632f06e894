import { verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from '../platform/ids.ts'
import { isSignedBy, keyFromSeed, readCheckpoint, readVerifier, signCheckpoint, verifierOf } from './note.ts'

const key = keyFromSeed(sha256('a key of the tests'))
const origin = 'cauri-audit/11111111-2222-3333-4444-555555555555'
const root = sha256('a root')
const note = signCheckpoint({ origin, size: 42, root }, key)

test('a checkpoint is the three lines of C2SP, an empty one, and a signature under the name of the log', () => {
  const lines = note.split('\n')
  expect(lines.slice(0, 4)).toEqual([origin, '42', root.toString('base64'), ''])
  expect(lines[4]).toMatch(/^— cauri-audit\/[0-9a-f-]{36} [A-Za-z0-9+/]{91}=$/)
  expect(lines.slice(5)).toEqual([''])
  expect(readCheckpoint(note)).toMatchObject({ origin, size: 42, root })
})

test('the public key in one word is read as the format’s own documentation gives one', () => {
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const verifier = readVerifier(vkey)
  expect(verifier).toMatchObject({ name: 'PeterNeumann', vkey })
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
  const signed = Buffer.from(
    'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=',
    'base64',
  )
  if (verifier === undefined) throw new Error('not read')
  expect(signed.subarray(0, 4)).toEqual(verifier.key_id)
  expect(verify(null, Buffer.from(text), verifier.key, signed.subarray(4))).toBe(true)
  expect(readVerifier(vkey.replace('c74f', 'c74e'))).toBeUndefined()
  expect(readVerifier(vkey.replace('ARpc', 'AhpC'))).toBeUndefined()
  expect(readVerifier('')).toBeUndefined()
})

test('only its own key, under its own name, has signed it', () => {
  const read = readCheckpoint(note)
  if (read === undefined) throw new Error('not read')
  const own = verifierOf(origin, key)
  expect(readVerifier(own.vkey)?.vkey).toBe(own.vkey)
  expect(isSignedBy(read, [own])).toBe(true)
  expect(isSignedBy(read, [])).toBe(false)
  expect(isSignedBy(read, [verifierOf(origin, keyFromSeed(sha256('another')))])).toBe(false)
  expect(isSignedBy(read, [verifierOf(`${origin}x`, key)])).toBe(false)
})

test('no byte of a checkpoint can be changed', () => {
  const own = [verifierOf(origin, key)]
  const bytes = Buffer.from(note)
  for (let i = 0; i < bytes.length; i++) {
    const other = Buffer.from(bytes)
    other.writeUInt8(other.readUInt8(i) ^ 1, i)
    const read = readCheckpoint(other.toString())
    expect(read !== undefined && isSignedBy(read, own), `byte ${i}`).toBe(false)
  }
})

test('a witness may sign as well; a wrong signature of ours beside a right one is refused', () => {
  const own = [verifierOf(origin, key)]
  const witness = signCheckpoint({ origin: 'witness.example', size: 42, root }, key).split('\n')[4] ?? ''
  const witnessed = readCheckpoint(`${note}${witness}\n`)
  expect(witnessed && isSignedBy(witnessed, own)).toBe(true)
  const other = signCheckpoint({ origin, size: 43, root }, key).split('\n')[4] ?? ''
  const doubtful = readCheckpoint(`${note}${other}\n`)
  expect(doubtful && isSignedBy(doubtful, own)).toBe(false)
})

test.each([
  ['a size with a leading zero', note.replace('\n42\n', '\n042\n')],
  ['a negative size', note.replace('\n42\n', '\n-2\n')],
  ['a further line', note.replace('\n\n', '\nmore\n\n')],
  ['no signature', note.slice(0, note.indexOf('—'))],
  ['nothing', ''],
])('%s makes it no checkpoint', (_, text) => {
  expect(readCheckpoint(text)).toBeUndefined()
})
