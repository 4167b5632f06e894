import fc from 'fast-check'
import { expect, test } from 'vitest'
import { orderFor } from '../../../test/captures/mojaloop/replay.ts'
import { asciiName, transferRequest } from './wire.ts'

const ID = 'b57896f0-070b-4717-8091-fdf5a9660b96'

test('an order is the body that the adapter was seen to take', () => {
  expect(transferRequest(orderFor('+22890000123', ID), ID)).toEqual({
    transferId: ID,
    homeTransactionId: 'bulk-001/row-1',
    from: { type: 'BUSINESS', idType: 'MSISDN', idValue: '123456789', displayName: 'Tresor Public' },
    to: { idType: 'MSISDN', idValue: '22890000123' },
    amountType: 'SEND',
    currency: 'XOF',
    amount: '10000',
    transactionType: 'TRANSFER',
    note: 'Salaire',
  })
  expect(transferRequest(orderFor('22890000123', ID), undefined)).not.toHaveProperty('transferId')
})

test('accents leave displayName and stay in the names; a note is cut at 128 characters', () => {
  const order = orderFor('a@b.tg', ID, {
    payee: { type: 'EMAIL', identifier: '+a@b.tg', name: 'Kɔmla <Adzo>  N’Guessan-Éhui' },
    note: ` ${'é'.repeat(200)} `,
  })
  expect(transferRequest(order, ID)).toMatchObject({
    to: {
      idValue: '+a@b.tg',
      displayName: "Komla Adzo N'Guessan-Ehui",
      firstName: 'Kɔmla Adzo',
      lastName: "N'Guessan-Éhui",
    },
    note: 'é'.repeat(128),
  })
})

test.each([
  ['Trésor Public', 'Tresor Public'],
  ['Œuvre d’Ɖɔvi', "Oeuvre d'Dovi"],
  ['李', ''],
  ['a_b.c, d', 'a_b.c, d'],
])('%s is written %s', (name, expected) => {
  expect(asciiName(name)).toBe(expected)
})

test('any name gives a displayName that the adapter takes, or none', () => {
  const pattern = /^(?!\s*$)[\w .,'-]{1,128}$/
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      const ascii = asciiName(name)
      expect(ascii === '' || pattern.test(ascii)).toBe(true)
    }),
    { seed: 20261122, numRuns: 1000 },
  )
})
