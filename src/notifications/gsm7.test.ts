import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lengthOf, toGsm7 } from './gsm7.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 400 })
const gsmText = fc
  .array(fc.constantFrom(...Array.from('aZ09 @£èéùìòÇØÅΔ_ΩÆßÉ¤¡ÄÑ§¿äöñüà\n^{}\\[~]|€')), { maxLength: 400 })
  .map((characters) => characters.join(''))

it.each([
  ['Votre code : 123 456. Ne le donnez à personne.', 'Votre code : 123 456. Ne le donnez à personne.'],
  ['Reçu : 1 000 FCFA', 'Recu : 1 000 FCFA'],
  ['Reçu : 1\u202f000\u00a0FCFA', 'Recu : 1 000 FCFA'],
  ['« L’été à Bafoussam »', '"L\'été à Bafoussam"'],
  ['fête, île, hôte, août, naïve, Noël, cœur, Œuvre', 'fete, ile, hote, aout, naive, Noel, coeur, OEuvre'],
  ['À Ê Ç É', 'A E Ç É'],
  ['attendez…', 'attendez...'],
  ['e\u0301te\u0301', 'été'],
  ['n° 5 – 10 %', 'no 5 - 10 %'],
  ['a\u200d\u200e\u202eb', 'ab'],
  ['👍🏽 中', '? ?'],
  ['Ŋgoŋ ɓɛ', 'Ngon be'],
])('writes %j as %j', (text, written) => {
  expect(toGsm7(text)).toBe(written)
})

it('writes any text in the alphabet, and a text of the alphabet as it is', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const written = toGsm7(text)
      expect(lengthOf(written).encoding).toBe('GSM-7')
      expect(toGsm7(written)).toBe(written)
    }),
  )
  fc.assert(
    fc.property(gsmText, (text) => {
      expect(toGsm7(text)).toBe(text)
    }),
  )
})

it.each([
  ['', 'GSM-7', 0, 1],
  ['a'.repeat(160), 'GSM-7', 160, 1],
  ['a'.repeat(161), 'GSM-7', 161, 2],
  ['a'.repeat(306), 'GSM-7', 306, 2],
  ['a'.repeat(307), 'GSM-7', 307, 3],
  ['€'.repeat(80), 'GSM-7', 160, 1],
  [`${'€'.repeat(80)}a`, 'GSM-7', 161, 2],
  // 152 septets, and the euro sign does not fit into the 153rd: three parts for 305.
  [`${'a'.repeat(152)}€${'a'.repeat(150)}€`, 'GSM-7', 306, 3],
  ['ê'.repeat(70), 'UCS-2', 70, 1],
  ['ê'.repeat(71), 'UCS-2', 71, 2],
  [`${'a'.repeat(159)}\u202f`, 'UCS-2', 160, 3],
  ['👍'.repeat(35), 'UCS-2', 70, 1],
  [`${'ê'.repeat(66)}👍${'ê'.repeat(66)}`, 'UCS-2', 134, 3],
] as const)('counts %j', (text, encoding, units, segments) => {
  expect(lengthOf(text)).toEqual({ encoding, units, segments })
})

it('never pays less for more, and no more than the alphabet’s bound', () => {
  fc.assert(
    fc.property(gsmText, gsmText, (text, more) => {
      const one = lengthOf(text)
      const both = lengthOf(text + more)
      expect(both.units).toBe(one.units + lengthOf(more).units)
      expect(both.segments).toBeGreaterThanOrEqual(one.segments)
      expect(both.segments).toBeLessThanOrEqual(Math.max(1, Math.ceil(both.units / 152)))
      expect(both.segments).toBeGreaterThanOrEqual(both.units <= 160 ? 1 : Math.ceil(both.units / 153))
    }),
  )
})
