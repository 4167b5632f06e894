import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lengthOf } from './gsm7.ts'
import { languages, type Kind, type Language, type News } from './kinds.ts'
import { nameOf, wordsOf } from './words.ts'

const code = fc.record({ code: fc.stringMatching(/^\d{6}$/), minutes: fc.integer({ min: 1, max: 60 }) })
const lines = fc.integer({ min: 0, max: 1_000_000 })
const anyName = fc.string({ unit: 'binary', maxLength: 200 })
const news: { readonly [K in Kind]: fc.Arbitrary<News[K]> } = {
  phone_code: code,
  password_reset: code,
  invitation: fc.record({
    organization: anyName,
    link: fc.stringMatching(/^https:\/\/[a-z]{3,20}\.cm\/i\/[A-Za-z0-9]{20,30}$/),
  }),
  batch_finished: fc.record({
    bulk_id: fc.stringMatching(/^bulk-[0-9a-z]{26}$/),
    total: lines,
    completed: lines,
    failed: lines,
    cancelled: lines,
  }),
  review_needed: fc.record({ organization: anyName, waiting: lines }),
  kyc_verified: fc.constant({}),
  kyc_rejected: fc.record({ reason: fc.option(anyName) }),
  kyc_resubmit: fc.record({ reason: fc.option(anyName) }),
  kyc_expired: fc.constant({}),
  approval_needed: fc.record({
    organization: anyName,
    total: lines,
    amount: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    currency: fc.constantFrom('XOF', 'XAF'),
  }),
}

const all = (Object.keys(news) as Kind[]).flatMap((kind) =>
  languages.map((language) => [kind, language] as const),
)

it.each(all)('%s in %s costs one segment whatever it tells', (kind: Kind, language: Language) => {
  fc.assert(
    fc.property(news[kind], (one) => {
      const { sms, segments } = wordsOf(kind, language, one as never)
      expect({ ...lengthOf(sms), sms }).toMatchObject({ encoding: 'GSM-7', segments: 1 })
      expect(segments).toBe(1)
      expect(sms).not.toMatch(/\n/)
    }),
  )
})

it('speaks the person’s language and gives what it has to tell', () => {
  const given = { code: '042137', minutes: 10 }
  expect(wordsOf('phone_code', 'fr', given).sms).toBe(
    'Cauri : votre code est 042137, valable 10 min. Ne le donnez à personne, meme à un agent.',
  )
  expect(wordsOf('phone_code', 'en', given).sms).toContain('your code is 042137')
  const batch = { bulk_id: 'bulk-1', total: 4, completed: 2, failed: 1, cancelled: 1 }
  expect(wordsOf('batch_finished', 'fr', batch)).toMatchObject({
    sms: 'Cauri : lot bulk-1 terminé. 2 sur 4 payés, 1 échec, 1 annulé.',
    title: 'Lot terminé',
    text: 'bulk-1 : 2 sur 4 payés, 1 échec, 1 annulé.',
  })
  expect(wordsOf('batch_finished', 'en', { ...batch, failed: 0, cancelled: 0 }).text).toBe(
    'bulk-1: 2 of 4 paid.',
  )
})

it('never carries a link that somebody hid in a name', () => {
  expect(nameOf('Gagnez https://loto.example/x')).toBe('Gagnez https loto example x')
  expect(nameOf('a@b.cm\nCliquez')).toBe('a b cm Cliquez')
  expect(nameOf('\u202e \n')).toBe('?')
  expect(nameOf('Coopérative S.A.R.L. des planteurs de cacao')).toBe('Coopérative S A R L. des pl...')
  fc.assert(
    fc.property(anyName, (name) => {
      expect(nameOf(name)).not.toMatch(/[/:@\n]|\.[^\s.]/)
      expect(nameOf(name).length).toBeLessThanOrEqual(30)
    }),
  )
})
