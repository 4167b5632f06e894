import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openListHash, type Listed } from './list-hash.ts'

const sumOf = (rows: readonly Listed[], times: bigint): string => {
  const sum = rows.reduce((total, row) => {
    const text = `${row.party_type} ${row.party_identifier} ${row.amount} ${row.currency}`
    return total + times * BigInt(`0x${hash('sha256', text, 'hex').slice(0, 32)}`)
  }, 0n)
  const count = times * BigInt(rows.length)
  return BigInt.asUintN(128, sum).toString(16).padStart(32, '0') + count.toString(16).padStart(16, '0')
}

const digestOf = (rows: readonly Listed[], times: number): string => {
  const list = openListHash()
  for (let i = 0; i < times; i++) for (const row of rows) list.add(row)
  return list.digest()
}

test('the list hash is the sum of the rows’ SHA-256, cut to 128 bits, and their number', () => {
  const row = fc.record({
    party_type: fc.constantFrom('MSISDN', 'ALIAS'),
    party_identifier: fc.stringMatching(/^[0-9]{6,15}$/),
    amount: fc.bigInt(1n, 9007199254740991n),
    currency: fc.constantFrom('XAF', 'XOF'),
  })
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      expect(digestOf(rows, 1)).toBe(sumOf(rows, 1n))
    }),
  )
})

test('the sum stays exact when its words are carried on the way', () => {
  const row = { party_type: 'MSISDN', party_identifier: '237699123456', amount: 1n, currency: 'XAF' }
  const times = 2 ** 20 + 3
  expect(digestOf([row], times)).toBe(sumOf([row], BigInt(times)))
})
