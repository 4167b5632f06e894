import { describe, expect, test } from 'vitest'
import { openEnvelope, rewrap, sealEnvelope, type Place } from './envelope.ts'
import { keyRingOf, readKeyRing } from './key-ring.ts'

const [A, B] = ['a'.repeat(32), 'b'.repeat(40)]
const place: Place = { table: 'kyc_documents', column: 'file', row: 'doc-1' }
const bytes = Buffer.from('what nobody may read')
/** What the cipher says of bytes that are not what was sealed there. */
const GCM = 'unable to authenticate data'

describe('the keys of FIELD_ENCRYPTION_KEY', () => {
  test.each([
    [A, [['1', A]]],
    [`x:${A}`, [['1', `x:${A}`]]],
    [`with, commas ${A}`, [['1', `with, commas ${A}`]]],
    [
      `2:${B},1:${A}`,
      [
        ['2', B],
        ['1', A],
      ],
    ],
    [
      ` 12:${B} , 3:with:colons:${A}`,
      [
        ['12', B],
        ['3', `with:colons:${A}`],
      ],
    ],
  ])('reads %j', (text, keys) => {
    expect(readKeyRing(text).all.map(({ id, secret }) => [id, secret])).toEqual(keys)
    expect(readKeyRing(text).newest.id).toBe(keys[0]?.[0])
  })

  test.each([
    `2:${B},${A}`,
    `2:${B},1:short`,
    '1:short,2:short and together they are long enough',
    `0:${A}`,
    `1:${A},1:${B}`,
    `2:${B},`,
  ])('refuses %j, and never takes it for one secret', (text) => {
    expect(() => readKeyRing(text)).toThrow(/id/)
  })

  test('SECRET_KEY is one key, whatever it looks like', () => {
    expect(keyRingOf(undefined, `2:${B},1:${A}`).all).toEqual([{ id: '1', secret: `2:${B},1:${A}` }])
    expect(keyRingOf(B, A).newest.secret).toBe(B)
  })
})

describe('an envelope', () => {
  const old = readKeyRing(A)
  const both = readKeyRing(`2:${B},1:${A}`)
  const late = readKeyRing(`2:${B}`)

  test('opens in its place, under each key of the ring, and after a rotation without the old one', () => {
    const sealed = sealEnvelope(old, place, bytes)
    expect(openEnvelope(old, place, sealed)).toEqual(bytes)
    expect(openEnvelope(both, place, sealed)).toEqual(bytes)
    expect(() => openEnvelope(late, place, sealed)).toThrow('the key 1 of FIELD_ENCRYPTION_KEY is missing')
    const rotated = { ...sealed, ...rewrap(both, place, sealed) }
    expect(rotated.key_version).toBe('2')
    expect(rotated.bytes).toBe(sealed.bytes)
    expect(openEnvelope(late, place, rotated)).toEqual(bytes)
  })

  test('two of the same value have nothing in common', () => {
    const [one, two] = [sealEnvelope(old, place, bytes), sealEnvelope(old, place, bytes)]
    expect(one.bytes.equals(two.bytes)).toBe(false)
    expect(one.wrapped_key.equals(two.wrapped_key)).toBe(false)
    expect(one.bytes.includes(bytes)).toBe(false)
  })

  test('opens nowhere else: not in another row, column or table, not under another version, not with a changed bit', () => {
    const sealed = sealEnvelope(both, place, bytes)
    const places: Place[] = [
      { ...place, row: 'doc-2' },
      { ...place, column: 'found' },
      { ...place, table: 'kyc_checks' },
      // The borders between the parts count.
      { table: 'kyc_documents', column: 'filedoc', row: '-1' },
    ]
    for (const other of places) expect(() => openEnvelope(both, other, sealed)).toThrow(GCM)
    expect(() => openEnvelope(both, place, { ...sealed, key_version: '1' })).toThrow(GCM)
    const same = readKeyRing(`3:${B},2:${B}`)
    expect(() => openEnvelope(same, place, { ...sealed, key_version: '3' })).toThrow(GCM)
    for (const part of ['bytes', 'wrapped_key'] as const)
      for (const at of [0, 15, -1]) {
        const changed = Buffer.from(sealed[part])
        const i = at < 0 ? changed.length + at : at
        changed[i] = (changed[i] ?? 0) ^ 1
        expect(() => openEnvelope(both, place, { ...sealed, [part]: changed })).toThrow(GCM)
      }
    const foreign = sealEnvelope(both, { ...place, row: 'doc-2' }, bytes)
    expect(() => openEnvelope(both, place, { ...sealed, wrapped_key: foreign.wrapped_key })).toThrow(GCM)
    expect(() => openEnvelope(both, place, { ...foreign, wrapped_key: sealed.wrapped_key })).toThrow(GCM)
    // A key that was wrapped for another row does not pass by being wrapped anew.
    expect(() => rewrap(both, place, foreign)).toThrow(GCM)
  })
})
