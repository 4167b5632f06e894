import { expect, test } from 'vitest'
import type { Answer } from '../../connectors/index.ts'
import { quick } from '../../../test/harness/payments.ts'
import type { DueRow } from '../sql/drive.ts'
import { firstQueryDelay, queryDelay } from './connection.ts'
import { newAttempt, readAnswer, type Sent } from './outcome.ts'
import { nextStep } from './pursue.ts'

const settings = { ...quick, review_after_ms: 60_000 }
const payee = { type: 'MSISDN', identifier: '22890123456' } as const
const sent: Sent = {
  batch_id: 1n,
  seq: 7,
  attempt: 1,
  order: {
    reference: 'ours',
    home_reference: 'T-7',
    amount: 1_000n,
    currency: 'XOF',
    payee,
    payer: { type: 'MSISDN', identifier: '123456789' },
    fee_cap: 0n,
  },
  rail_reference: 'ours',
  pursued: false,
  resent: false,
}
const said = { http_status: 200 }
const paid = {
  kind: 'paid',
  amount: 1_000n,
  fee: 0n,
  currency: 'XOF',
  payee,
  reference: 'ours',
  said,
} as const
type Read = Exclude<Answer, { kind: 'unsent' | 'stop' }>
const answers: Record<string, Read> = {
  paid,
  'refused for good': { kind: 'refused', reason: 'PAYEE_NOT_FOUND', retryable: false, said },
  'refused, may pass': { kind: 'refused', reason: 'PAYEE_UNAVAILABLE', retryable: true, said },
  unknown: { kind: 'unknown', because: 'time-out', said: {} },
  'not found': { kind: 'not-found', said },
  quoted: { kind: 'quoted', rail_reference: 'theirs', fee: 0n, expires_at: new Date(0), said },
  mismatch: { kind: 'mismatch', because: 'another amount', said },
}
const answer = (name: string): Read => {
  const found = answers[name]
  if (found === undefined) throw new Error(`no answer ${name}`)
  return found
}

test.each([
  ['paid', 'first', 'PAID'],
  ['refused for good', 'first', 'FAILED'],
  ['refused, may pass', 'first', 'RETRY'],
  ['refused, may pass', 'last', 'FAILED'],
  ['unknown', 'first', 'UNCERTAIN'],
  ['not found', 'first', 'UNCERTAIN'],
  ['quoted', 'first', 'QUOTED'],
  ['mismatch', 'first', 'REVIEW'],
  ['paid', 'resent', 'PAID'],
  ['refused for good', 'resent', 'UNCERTAIN'],
  ['refused, may pass', 'resent', 'UNCERTAIN'],
  ['unknown', 'resent', 'UNCERTAIN'],
  ['mismatch', 'resent', 'REVIEW'],
])('an order answered «%s» at its %s sending is %s', (name, when, word) => {
  const attempt = when === 'last' ? settings.retry_delays_ms.length + 1 : 1
  const outcome = readAnswer(settings, { ...sent, attempt, resent: when === 'resent' }, answer(name))
  expect(outcome.word).toBe(word)
  // Whoever is not final is followed.
  expect(outcome.pursuit === undefined).toBe(word === 'PAID' || word === 'FAILED')
})

test.each([
  ['another amount', { ...paid, amount: 999n }],
  ['more', { ...paid, amount: 1_001n }],
  ['another currency', { ...paid, currency: 'XAF' as const }],
  ['another number', { ...paid, payee: { ...payee, identifier: '22890123457' } }],
  ['another kind of party', { ...paid, payee: { ...payee, type: 'ACCOUNT_ID' as const } }],
  ['a fee below zero', { ...paid, fee: -1n }],
])('a rail that says it paid %s is not believed: people look, the hold stays', (_what, said_paid) => {
  expect(readAnswer(settings, sent, said_paid).word).toBe('REVIEW')
  expect(readAnswer(settings, { ...sent, resent: true }, said_paid).word).toBe('REVIEW')
})

test('a refusal after a resend counts only with one more «not found»: it keeps the reason, the attempt and the reference', () => {
  const outcome = readAnswer(settings, { ...sent, resent: true }, answer('refused, may pass'))
  expect(outcome).toMatchObject({
    attempt: 1,
    pursuit: { refused_as: 'PAYEE_UNAVAILABLE', rail_reference: 'ours' },
  })
})

test('a quote is written down under the rail’s reference before anything is accepted', () => {
  expect(readAnswer(settings, sent, answer('quoted')).pursuit?.rail_reference).toBe('theirs')
})

test('an order refused because of us gets a new attempt, but after a resend only with one more «not found»', () => {
  const stop = { kind: 'stop', because: 'no liquidity', refused: true, said } as const
  expect(newAttempt(settings, sent, stop)).toMatchObject({
    word: 'RETRY',
    pursuit: { after_ms: settings.stop_ms },
  })
  expect(newAttempt(settings, { ...sent, resent: true }, stop)).toMatchObject({
    word: 'UNCERTAIN',
    pursuit: { refused_as: 'RAIL_STOPPED', rail_reference: 'ours' },
  })
})

const due: DueRow = {
  id: 1n,
  batch_id: 1n,
  seq: 7,
  attempt: 1,
  amount: 1_000n,
  transfer_id: 'T-7',
  party_type: 'MSISDN',
  party_identifier: payee.identifier,
  payee_name: null,
  state: 'UNCERTAIN',
  rail_reference: 'ours',
  tries: 1,
  not_found: 0,
  resent: 0,
  refused_as: null,
  because: null,
  sent_ms: 10_000,
  since_ms: 10_000,
  cancelled: false,
  paused: false,
}
const deduplicates = { deduplicates: true, makes_reference: false }
const theirs = { deduplicates: false, makes_reference: true }
type Case = [answer: string, state: string, more: Partial<DueRow>, habits: typeof theirs, step: string]
const early = { sent_ms: settings.not_found_after_ms - 1 }
const long = { since_ms: settings.review_after_ms }

test.each<Case>([
  ['paid', 'uncertain', {}, deduplicates, 'PAID'],
  ['paid', 'refused after a resend', { refused_as: 'RAIL_BUSY', resent: 1 }, deduplicates, 'PAID'],
  ['paid', 'in a cancelled batch', { cancelled: true }, deduplicates, 'PAID'],
  ['mismatch', 'uncertain', {}, deduplicates, 'REVIEW'],
  ['refused for good', 'uncertain', {}, deduplicates, 'FAILED'],
  ['refused, may pass', 'uncertain', {}, deduplicates, 'RETRY'],
  ['refused, may pass', 'quoted', { state: 'QUOTED' }, theirs, 'RETRY'],
  ['unknown', 'uncertain', {}, deduplicates, 'ask-again'],
  ['unknown', 'uncertain for too long', long, deduplicates, 'REVIEW'],
  ['quoted', 'uncertain', {}, theirs, 'ask-again'],
  ['quoted', 'uncertain for too long', long, theirs, 'REVIEW'],
  ['not found', 'sent just now', early, deduplicates, 'ask-again'],
  ['not found', 'sent just now, asked before', { ...early, not_found: 3 }, deduplicates, 'ask-again'],
  ['not found', 'asked for the first time', {}, deduplicates, 'ask-again'],
  ['not found', 'asked a second time', { not_found: 1 }, deduplicates, 'resend'],
  ['not found', 'asked twice after a resend', { not_found: 1, resent: 1 }, deduplicates, 'resend'],
  [
    'not found',
    'asked twice in a cancelled batch',
    { not_found: 1, cancelled: true },
    deduplicates,
    'REVIEW',
  ],
  ['not found', 'asked twice in a paused batch', { not_found: 1, paused: true }, deduplicates, 'ask-again'],
  ['not found', 'asked twice for too long', { not_found: 1, ...long }, deduplicates, 'REVIEW'],
  ['not found', 'asked twice, the rail made the reference', { not_found: 1 }, theirs, 'REVIEW'],
  ['not found', 'asked twice, quoted', { not_found: 1, state: 'QUOTED' }, theirs, 'REVIEW'],
  ['not found', 'refused after a resend', { refused_as: 'RAIL_BUSY', resent: 1 }, deduplicates, 'FAILED'],
])('asked and answered «%s», a line that is %s: %s', (name, _state, more, habits, step) => {
  const next = nextStep(settings, habits, { ...due, ...more }, { ...sent, pursued: true }, answer(name))
  expect(next.kind === 'settle' ? next.outcome.word : next.kind).toBe(step)
  if (next.kind === 'settle')
    expect(next.outcome).toMatchObject({ batch_id: 1n, seq: 7, attempt: 1, pursued: true })
})

test('«not found» never makes a new attempt, whatever the line has been through', () => {
  const no_yes = [false, true]
  for (const [not_found, resent] of [
    [0, 0],
    [1, 0],
    [1, 1],
    [5, 3],
  ] as const)
    for (const cancelled of no_yes)
      for (const paused of no_yes)
        for (const sent_ms of [0, 10_000])
          for (const since_ms of [0, 100_000])
            for (const habits of [deduplicates, theirs]) {
              const row = { ...due, not_found, resent, cancelled, paused, sent_ms, since_ms }
              const next = nextStep(settings, habits, row, sent, answer('not found'))
              const word = next.kind === 'settle' ? next.outcome.word : next.kind
              expect(['ask-again', 'resend', 'REVIEW']).toContain(word)
              if (word === 'resend') expect([habits, cancelled, paused]).toEqual([deduplicates, false, false])
            }
})

test('the last pause between questions repeats, and nothing is asked while the transfer may wait for acceptance', () => {
  expect([0, 1, 2, 3, 99].map((tries) => queryDelay(settings, tries))).toEqual([100, 200, 400, 400, 400])
  const slow = { ...settings, expiry_ms: 5_000, not_found_after_ms: 9_000 }
  expect(firstQueryDelay(slow, false)).toBe(5_000)
  expect(firstQueryDelay(slow, true)).toBe(100)
})
