import { expect, test } from 'vitest'
import { checkReasons } from '../connectors/identity-check.ts'
import { kycStates } from '../identity/index.ts'
import { checkEvents, checkStates, nextCheckState } from './check-state.ts'
import { currentConsent, consentHash } from './consent.ts'
import { displayName, requiredDocuments, warningsOf } from './document.ts'
import { endOfProof } from './proof.ts'
import { kycReasons } from './reasons.ts'
import { kycEvents, nextStatus } from './status.ts'

const dash = '—'

test('a person’s status: every state and event, as the table says', () => {
  const rows = kycStates.map((state) => [
    state,
    ...kycEvents.map((event) => nextStatus(state, event) ?? dash),
  ])
  expect([['', ...kycEvents], ...rows].map((row) => row.join(' '))).toEqual([
    ' COMPLETE HAND_OVER CLEAR REFUSED RESUBMIT REVIEW APPROVE REJECT EXPIRE',
    `PENDING SUBMITTED UNDER_REVIEW ${dash} ${dash} ${dash} ${dash} VERIFIED REJECTED ${dash}`,
    `SUBMITTED ${dash} ${dash} VERIFIED REJECTED PENDING UNDER_REVIEW VERIFIED REJECTED ${dash}`,
    `UNDER_REVIEW ${dash} ${dash} ${dash} ${dash} ${dash} ${dash} VERIFIED REJECTED ${dash}`,
    'VERIFIED VERIFIED VERIFIED VERIFIED UNDER_REVIEW VERIFIED VERIFIED VERIFIED REJECTED EXPIRED',
    `REJECTED SUBMITTED UNDER_REVIEW ${dash} ${dash} ${dash} ${dash} VERIFIED REJECTED ${dash}`,
    `EXPIRED SUBMITTED UNDER_REVIEW VERIFIED REJECTED EXPIRED UNDER_REVIEW VERIFIED REJECTED ${dash}`,
  ])
})

test('a check: what has ended never begins again, and only UNCERTAIN is freed by «not found»', () => {
  for (const event of checkEvents) {
    expect([event, nextCheckState('DECIDED', event), nextCheckState('GIVEN_UP', event)]).toEqual([
      event,
      undefined,
      undefined,
    ])
    // Nothing but the beginning, time and the person's own wish moves what was not handed over.
    const before = nextCheckState('PREPARED', event)
    expect([event, before]).toEqual([
      event,
      event === 'BEGUN' ? 'UNCERTAIN' : event === 'TOO_OLD' || event === 'DROPPED' ? 'GIVEN_UP' : undefined,
    ])
  }
  const table = Object.fromEntries(
    (['UNCERTAIN', 'SUBMITTED'] as const).map((state) => [
      state,
      Object.fromEntries(checkEvents.map((event) => [event, nextCheckState(state, event)])),
    ]),
  )
  expect(table).toEqual({
    UNCERTAIN: {
      BEGUN: undefined,
      ACCEPTED: 'SUBMITTED',
      REFUSED: 'GIVEN_UP',
      UNSENT: 'PREPARED',
      UNKNOWN: 'UNCERTAIN',
      PENDING: 'SUBMITTED',
      PROVISIONAL: 'SUBMITTED',
      NOT_FOUND_YET: 'UNCERTAIN',
      NOT_FOUND: 'GIVEN_UP',
      DECIDED: 'DECIDED',
      TOO_OLD: 'GIVEN_UP',
      DROPPED: 'GIVEN_UP',
    },
    SUBMITTED: {
      BEGUN: undefined,
      ACCEPTED: undefined,
      REFUSED: undefined,
      UNSENT: undefined,
      UNKNOWN: 'SUBMITTED',
      PENDING: 'SUBMITTED',
      PROVISIONAL: 'SUBMITTED',
      NOT_FOUND_YET: 'SUBMITTED',
      NOT_FOUND: 'SUBMITTED',
      DECIDED: 'DECIDED',
      TOO_OLD: 'GIVEN_UP',
      DROPPED: 'GIVEN_UP',
    },
  })
  expect(checkStates).toHaveLength(5)
})

test('the consent that people gave is the text that they read: to change a word is to write a new version', () => {
  const texts = (['fr', 'en'] as const).map((language) => {
    const text = currentConsent(language)
    return [text.version, language, consentHash(text).toString('hex')]
  })
  expect(texts).toMatchInlineSnapshot(`
    [
      [
        "2026-11-29",
        "fr",
        "0b6830c135e9713f3ae23c7077d2ae79d7133a27d546d5784ca8916aa8f50d97",
      ],
      [
        "2026-11-29",
        "en",
        "d69b31a6a554ec5748ffb2a42ac462f32af3c22877e7d05d57f585c827221d7a",
      ],
    ]
  `)
})

test('every reason has a short sentence in both languages', () => {
  for (const reason of checkReasons)
    if (reason !== 'VERIFIED') expect(kycReasons[reason].fr).toMatch(/^\p{Lu}.*\.$/u)
  for (const { fr, en } of Object.values(kycReasons)) {
    expect(Math.max(fr.length, en.length)).toBeLessThanOrEqual(75)
    expect(en).toMatch(/^[A-Z].*\.$/)
  }
})

test.each([
  ['../../etc/passwd', 'passwd'],
  ['C:\\Users\\moi\\carte.JPG', 'carte.JPG'],
  ['pièce d’identité (1).jpg', 'pièce didentité (1).jpg'],
  ['a\r\nContent-Type: x.jpg', 'aContent-Type x.jpg'],
  ['<script>.jpg', 'script.jpg'],
  ['....', null],
  ['\u202e', null],
  [undefined, null],
  ['a'.repeat(300), 'a'.repeat(100)],
])('the name %j is shown as %j', (given, shown) => {
  expect(displayName(given)).toBe(shown)
})

test('what the provider would like is a warning', () => {
  const card = {
    document_type: 'ID_FRONT',
    id_type: 'NATIONAL_ID',
    type: 'image/jpeg',
    sent_bytes: 700_000,
    width: 1_000,
    height: 1_500,
  } as const
  expect(warningsOf(card)).toEqual([])
  expect(warningsOf({ ...card, id_type: 'PASSPORT' })).toEqual(['PHOTO_SMALL'])
  expect(warningsOf({ ...card, height: 1_499, sent_bytes: 599_999 })).toEqual(['PHOTO_SMALL', 'PHOTO_LIGHT'])
  expect(warningsOf({ ...card, document_type: 'PROOF_OF_ADDRESS', height: 10 })).toEqual([])
  expect(warningsOf({ ...card, type: 'application/pdf', width: null, height: null })).toEqual([
    'PDF_FOR_PEOPLE',
  ])
  expect(requiredDocuments('CM', 'PASSPORT')).toEqual(['ID_FRONT', 'SELFIE'])
})

test('a proof ends with its document, or after five years', () => {
  const now = new Date('2026-11-29T12:00:00Z')
  const end = (expires_on: string | null): string => endOfProof(now, 5, expires_on).toISOString()
  expect(end(null)).toBe('2031-11-29T12:00:00.000Z')
  expect(end('2028-02-03')).toBe('2028-02-03T23:59:59.999Z')
  expect(end('2099-01-01')).toBe('2031-11-29T12:00:00.000Z')
  expect(end('2020-01-01')).toBe('2031-11-29T12:00:00.000Z')
})
