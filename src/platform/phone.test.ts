import { describe, expect, test } from 'vitest'
import { Refusal } from './errors.ts'
import { doubtAbout } from './phone/prefixes.ts'
import { operatorOf, parsePhone, providerOf } from './phone.ts'

const codeOf = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
  return 'accepted'
}

describe('a person’s number', () => {
  test.each([
    ['+237612345678', '+237612345678', 'CM', false],
    ['237612345678', '+237612345678', 'CM', false],
    ['6 99 12 34 56', '+237699123456', 'CM', true],
    ['00237 699-12.34.56', '+237699123456', 'CM', true],
    ['22890123456', '+22890123456', 'TG', true],
    ['(+225) 07 07 12 34 56', '+2250707123456', 'CI', true],
    ['+46733123450', '+46733123450', 'SE', true],
  ])('%s is read as %s', (text, number, country, in_plan) => {
    expect(parsePhone(text)).toEqual({ number, country, in_plan })
  })

  test('is national in the country that the caller names', () => {
    expect(parsePhone('90 12 34 56', 'TG').number).toBe('+22890123456')
  })

  test.each([
    ['nothing', ''],
    ['a word', 'Awa'],
    ['too few digits', '123'],
    ['too many digits', '+2376123456789012'],
    ['a number inside a sentence', 'call +237699123456'],
    ['an extension', '+237612345678 ext 5'],
    ['two plus signs', '++237699123456'],
  ])('is refused when it is %s', (_, text) => {
    expect(codeOf(() => parsePhone(text))).toBe('PHONE_INVALID')
  })
})

describe('the operator of a number', () => {
  test.each([
    ['+237677123456', { country: 'CM', operator: 'MTN Cameroon' }],
    ['237683123456', { country: 'CM', operator: 'MTN Cameroon' }],
    ['+237699123456', { country: 'CM', operator: 'Orange' }],
    ['+237640000000', { country: 'CM', operator: 'Orange' }],
    ['+237620000000', { country: 'CM', operator: 'Camtel' }],
    ['+237612345678', { country: 'CM' }],
    ['+22890123456', { country: 'TG', operator: 'Togo Telecom' }],
    ['+22873000000', { country: 'TG' }],
    ['+2290142123456', { country: 'BJ', operator: 'MTN' }],
    ['+22604123456', { country: 'BF', operator: 'Orange' }],
    ['+46733123450', {}],
  ])('%s is %j', (number, expected) => {
    expect(operatorOf(number)).toEqual(expected)
  })
})

describe('the wallet provider of a number', () => {
  test('follows the prefix where the operator has such a wallet', () => {
    expect(providerOf('+237677123456')).toBe('MTN_MOMO')
    expect(providerOf('+237699123456')).toBe('ORANGE_MONEY')
    expect(providerOf('+2250707123456')).toBe('ORANGE_MONEY')
  })

  test('is what the caller says, even against the prefix, for numbers are ported', () => {
    expect(providerOf('+237699123456', 'MTN_MOMO')).toBe('MTN_MOMO')
    expect(providerOf('+237612345678', 'MTN_MOMO')).toBe('MTN_MOMO')
  })

  test.each(['+237612345678', '+237620000000', '+22790123456', '+22890123456', '+46733123450'])(
    'must be said for %s',
    (number) => {
      expect(codeOf(() => providerOf(number))).toBe('PROVIDER_REQUIRED')
    },
  )
})

test('a number is doubted by its calling code and its length only', () => {
  expect(doubtAbout('22890123456')).toBeUndefined()
  expect(doubtAbout('237612345678')).toBeUndefined()
  expect(doubtAbout('22951345789')).toBe('LENGTH_UNUSUAL')
  expect(doubtAbout('690123456')).toBe('COUNTRY_UNKNOWN')
})
