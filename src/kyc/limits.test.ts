import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { attest, createPerson, lockKycFacts } from '../identity/index.ts'
import { advanceClock } from '../platform/clock.ts'
import { openDb, sql, type Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { checkLimits, readLimits, releaseUsage, tierOf } from './limits.ts'

const PHC = '$argon2id$v=19$m=64,t=1,p=1$4AP+8MX3r7lk08Yn3Ko6Sg$FDReF22F38mB+eGOqHPXUBiJnAfZilyLkgTeP+fR7iQ'
let db: Db
let many: Db
beforeAll(async () => {
  const database = await freshDatabase()
  db = database.db
  many = openDb({ url: database.url, max: 16, role: 'cauri_app' })
  return () => many.end()
})

let last = 0
const person = (
  verified: { phone?: true; kyc?: 'VERIFIED' | 'REJECTED' } = { phone: true },
): Promise<bigint> =>
  db.tx(async (tx) => {
    const phone_number = `+23769${String(++last).padStart(7, '0')}`
    const who = {
      phone_number,
      first_name: 'A',
      last_name: 'B',
      roles: ['BUYER'],
      preferred_language: 'fr',
    } as const
    const { id } = await createPerson(tx, 'test', { person: who, phc: PHC })
    await attest(tx, 'test', {
      person_id: id,
      ...(verified.phone && { phone_verified: true }),
      ...(verified.kyc && { kyc_status: verified.kyc }),
    })
    return id
  })

const use = (
  person_id: bigint,
  amount: bigint,
  more: { reference?: string; at?: Date; currency?: 'XAF' | 'XOF' } = {},
) =>
  many.tx((tx) => checkLimits(tx, { person_id, amount, currency: 'XAF', reference: `r-${++last}`, ...more }))

/** What a refusal says, or that there was none. */
const said = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'taken',
    (error: unknown) =>
      error instanceof Refusal ? { code: error.code, ...error.more.members } : Promise.reject(error),
  )

test('each tier has its limits, and the refusal says which one, and what raises it', async () => {
  const unverified = await person({})
  expect(await said(use(unverified, 1n))).toMatchObject({
    code: 'KYC_LIMIT_REACHED',
    tier: 'NONE',
    raised_by: 'VERIFY_PHONE',
  })
  const t0 = await person()
  expect(await said(use(t0, 100_001n))).toEqual({
    code: 'KYC_LIMIT_REACHED',
    tier: 'T0',
    limit: 'per_transaction',
    currency: 'XAF',
    allowed: 100_000,
    used: 0,
    wanted: 100_001,
    raised_by: 'SEND_DOCUMENT',
  })
  expect(await said(use(t0, 100_000n))).toBe('taken')
  expect(await said(use(t0, 100_000n))).toBe('taken')
  expect(await said(use(t0, 1n))).toMatchObject({ limit: 'per_day', allowed: 200_000, used: 200_000 })
  expect(await said(use(t0, 1n, { currency: 'XOF' }))).toBe('taken')
  const t2 = await person({ phone: true, kyc: 'VERIFIED' })
  expect(await said(use(t2, 10_000_001n))).toMatchObject({
    tier: 'T2',
    limit: 'per_transaction',
    raised_by: null,
  })
  const refused = await person({ phone: true, kyc: 'REJECTED' })
  expect(await said(use(refused, 100_001n))).toMatchObject({ tier: 'T0' })
})

test('a day and a month roll on; what is released does not count; a reference counts once', async () => {
  const id = await person()
  const reference = `once-${id}`
  for (let i = 0; i < 3; i++) expect(await said(use(id, 100_000n, { reference }))).toBe('taken')
  expect(await said(use(id, 100_000n))).toBe('taken')
  expect(await said(use(id, 100_000n))).toMatchObject({ limit: 'per_day' })
  expect(await many.tx((tx) => releaseUsage(tx, reference))).toBe(true)
  expect(await many.tx((tx) => releaseUsage(tx, reference))).toBe(false)
  expect(await said(use(id, 100_000n))).toBe('taken')
  expect(await said(use(id, 100_000n, { reference }))).toMatchObject({ limit: 'per_day' })
  for (let day = 0; day < 4; day++) {
    await advanceClock(db, 86_401)
    expect(await said(use(id, 100_000n))).toBe('taken')
    expect(await said(use(id, 100_000n))).toBe('taken')
  }
  await advanceClock(db, 86_401)
  expect(await said(use(id, 1n))).toMatchObject({ limit: 'per_month', allowed: 1_000_000, used: 1_000_000 })
  const { now } = await db.one<{ now: Date }>(sql`select cauri_now() as now`)
  // Dating it back does not make room.
  const back = new Date(now.getTime() - 3 * 86_400_000)
  expect(await said(use(id, 1n, { at: back }))).toMatchObject({ limit: 'per_day' })
  await advanceClock(db, 26 * 86_400)
  expect(await said(use(id, 100_000n))).toBe('taken')
  const { tier, currencies } = await many.tx((tx) => readLimits(tx, id))
  expect([tier, currencies[0]?.used.month]).toEqual(['T0', 700_000n])
  await expect(use(id, 5n, { reference })).rejects.toThrow('counted with another person or amount')
})

test('a proof that has ended lifts nobody, though no sweep came; nor does a person who is blocked move anything', async () => {
  const id = await person({ phone: true, kyc: 'VERIFIED' })
  await db.run(sql`
    update identity_people set kyc_verified_at = cauri_now() - interval '2 days',
      kyc_expires_at = cauri_now() - interval '1 second' where id = ${id}`)
  expect(await said(use(id, 100_001n))).toMatchObject({ tier: 'T0' })
  await db.run(sql`update identity_people set is_active = false where id = ${id}`)
  expect(await said(use(id, 1n))).toEqual({ code: 'PERSON_INACTIVE' })
})

test('however many ask at once, the limit holds to the franc', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.bigInt({ min: 1n, max: 40_000n }), { minLength: 64, maxLength: 64 }),
      async (amounts) => {
        const id = await person()
        const results = await Promise.all(amounts.map((amount) => said(use(id, amount))))
        const taken = amounts.filter((_, i) => results[i] === 'taken')
        const sum = taken.reduce((total, amount) => total + amount, 0n)
        expect(sum).toBeLessThanOrEqual(200_000n)
        // Nobody was refused who fitted in when everything was over.
        for (const [i, amount] of amounts.entries())
          if (results[i] !== 'taken') expect(sum + amount).toBeGreaterThan(200_000n)
        const { n } = await db.one<{ n: bigint }>(sql`
        select sum(amount)::bigint as n from kyc_usage where person_id = ${id} and released_at is null`)
        expect(n).toBe(sum)
      },
    ),
    { numRuns: 2 },
  )
})

test('a decision about the person waits for the payment that counted on him', async () => {
  const id = await person({ phone: true, kyc: 'VERIFIED' })
  const order: string[] = []
  let paid = (): void => undefined
  const counted = new Promise<void>((resolve) => (paid = resolve))
  const paying = many.tx(async (tx) => {
    await checkLimits(tx, { person_id: id, amount: 5_000_000n, currency: 'XAF', reference: `pay-${id}` })
    paid()
    await tx.run(sql`select pg_sleep(0.2)`)
    order.push('paid')
  })
  await counted
  const revoking = many.tx(async (tx) => {
    const locked = await lockKycFacts(tx, id)
    order.push('revoked')
    await attest(tx, 'test', { person_id: id, kyc_status: 'REJECTED' })
    return locked
  })
  await Promise.all([paying, revoking])
  expect(order).toEqual(['paid', 'revoked'])
  const facts = await many.tx(async (tx) => {
    const locked = await lockKycFacts(tx, id)
    return locked && tierOf(tx, locked, await tx.now())
  })
  expect(facts).toBe('T0')
  expect(await said(use(id, 5_000_000n))).toMatchObject({ tier: 'T0' })
})
