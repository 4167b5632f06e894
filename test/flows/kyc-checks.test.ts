import { createHmac } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { newcomer, QUICK_CHECKS, sendAll, sendDocument, statusOf, untilStatus } from '../harness/kyc.ts'
import { BEHIND_PROXY, bearer, demoPerson } from '../harness/people.ts'
import { freePort } from '../harness/seed.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: { ...BEHIND_PROXY, ...QUICK_CHECKS, PORT: String(await freePort()) } })
})
afterAll(() => server.stop())
afterEach(() => server.world.control('DELETE', '/_sim/faults'))

const fault = (kind: string, operation: string, more: object = {}): Promise<unknown> =>
  server.world.control('POST', '/_sim/faults', { rail: 'smile-id', kind, operation, ...more })

type Job = { readonly job_id: string; readonly user_id: string; readonly first_name: string }
const jobsOf = async (check_ids: readonly string[]): Promise<Job[]> => {
  const { jobs } = await server.world.control('GET', '/_sim/smile-id')
  return (jobs as Job[]).filter((job) => check_ids.includes(job.job_id))
}

type Check = { id: string; state: string; outcome: string | null; because: string | null; attempt: number }
const checksOf = (person_id: bigint): Promise<Check[]> =>
  server.db.many(sql`
    select id, state, outcome, because, attempt from kyc_checks where person_id = ${person_id} order by created_at, id`)

const inboxOf = async (phone: string): Promise<string[]> => {
  const said = await server.call('GET', `/_sim/inbox?kind=sms&to=${encodeURIComponent(phone)}`)
  return (said.body.messages as { text: string }[]).map(({ text }) => text)
}

/** Everything that a callback could have changed. */
const everything = (): Promise<object> =>
  server.db.one(sql`
    select (select md5(string_agg(c::text, ',' order by id)) from kyc_checks c) as checks,
      (select md5(string_agg(kyc_status, ',' order by id)) from identity_people) as people,
      (select count(*) from kyc_decisions) as decisions, (select count(*) from audit_events) as events`)

test('a complete file is checked once, and the person is verified and told', async () => {
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  const said = await untilStatus(server, one.access, 'VERIFIED')
  expect(said.body).toMatchObject({ reason: null, next_step: 'NOTHING', missing_documents: [] })
  expect(new Date(said.body.expires_at).getUTCFullYear()).toBe(2031)
  const checks = await checksOf(one.id)
  expect(checks).toMatchObject([{ state: 'DECIDED', outcome: 'CLEAR', attempt: 1 }])
  const jobs = await jobsOf(checks.map(({ id }) => id))
  expect(jobs).toMatchObject([{ first_name: 'Amina Fatou' }])
  expect(jobs[0]?.user_id).toMatch(/^u-[0-9a-f]{32}$/)
  await until('the SMS', async () =>
    (await inboxOf(one.phone)).some((text) => /identité est vérifiée/.test(text)),
  )
  const again = await sendDocument(server, one.access, 'SELFIE')
  expect([again.status, again.body.code]).toEqual([409, 'KYC_VERIFIED_ALREADY'])
})

test.each([
  ['Ade Ogundimu', 'Forgeman', 'REJECTED', 'DOCUMENT_NOT_GENUINE', /genuine/, /refusée/],
  ['Segun Olawale', 'Puzzleton', 'PENDING', 'DOCUMENT_UNREADABLE', /sharper/, /renvoyez/],
  ['Tunde Bakare', 'Oldfield', 'UNDER_REVIEW', 'DOCUMENT_EXPIRED', /valid one/, undefined],
])('%s %s becomes %s', async (first, last, status, reason_code, reason, sms) => {
  const one = await newcomer(server, first, last)
  await sendAll(server, one.access)
  const said = await until('a verdict', async () => {
    const answer = await statusOf(server, one.access)
    return answer.body.reason_code !== null && answer
  })
  expect(said.body).toMatchObject({ kyc_status: status, reason_code })
  expect(said.body.reason).toMatch(reason)
  if (sms !== undefined)
    await until('the SMS', async () => (await inboxOf(one.phone)).some((text) => sms.test(text)))
  const more = await sendDocument(server, one.access, 'SELFIE')
  if (status === 'UNDER_REVIEW') expect([more.status, more.body.code]).toEqual([409, 'KYC_IN_PROGRESS'])
  else {
    expect(more.status).toBe(201)
    // What was decided on counts no more: the other two must be sent again.
    expect((await statusOf(server, one.access)).body.missing_documents).toEqual(['ID_FRONT', 'ID_BACK'])
  }
})

test('a provider that fails is asked again later, and then people look', async () => {
  const one = await newcomer(server, 'Ngozi Ifeoma', 'Downsworth')
  await sendAll(server, one.access)
  expect((await untilStatus(server, one.access, 'UNDER_REVIEW')).body.reason_code).toBe('SERVICE_DOWN')
  const checks = await checksOf(one.id)
  expect(checks.map(({ state, outcome, attempt }) => [state, outcome, attempt])).toEqual([
    ['DECIDED', 'ERROR', 1],
    ['DECIDED', 'ERROR', 2],
    ['DECIDED', 'ERROR', 3],
  ])
})

test('an answer that was lost is asked for: the job is handed over once', async () => {
  await fault('init_lost_response', 'upload')
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  const checks = await checksOf(one.id)
  expect(checks).toHaveLength(1)
  expect(await jobsOf(checks.map(({ id }) => id))).toHaveLength(1)
})

test('a job that never arrived goes out anew under another id, after the provider’s own delay', async () => {
  await fault('init_lost_request', 'upload', { times: 1 })
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  const checks = await checksOf(one.id)
  const jobs = await jobsOf(checks.map(({ id }) => id))
  expect(jobs).toHaveLength(1)
  // Where the cut was before the first byte, the same id may go out again; else it was given up as not found.
  for (const { state, because } of checks.slice(0, -1))
    expect([state, because]).toEqual(['GIVEN_UP', 'NOT_FOUND'])
  expect(checks.at(-1)).toMatchObject({ state: 'DECIDED', outcome: 'CLEAR' })
})

test('«not found» about a job that the provider has is no leave to hand it over again', async () => {
  await server.world.control('PUT', '/_sim/settings', { 'smile-id': { processing_ms: 1_500 } })
  await fault('status_endpoint_lies', 'status', { times: 8 })
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  await server.world.control('PUT', '/_sim/settings', { 'smile-id': { processing_ms: 0 } })
  const checks = await checksOf(one.id)
  expect(checks).toHaveLength(1)
  expect(await jobsOf(checks.map(({ id }) => id))).toHaveLength(1)
})

test('what a machine thinks does not decide', async () => {
  await server.world.control('PUT', '/_sim/settings', { 'smile-id': { review_ms: 700 } })
  await fault('provisional_first', 'submit')
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await until('a provisional verdict', async () => {
    const moved = await server.db.one<{ n: bigint }>(sql`
      select count(*) as n from kyc_checks where person_id = ${one.id} and asked > 2`)
    return moved.n > 0n
  })
  expect((await statusOf(server, one.access)).body.kyc_status).toBe('SUBMITTED')
  await untilStatus(server, one.access, 'VERIFIED')
  await server.world.control('PUT', '/_sim/settings', { 'smile-id': { review_ms: 0 } })
})

const signed = (at: Date, key = 'sandbox'): { timestamp: string; signature: string } => {
  const timestamp = at.toISOString()
  const signature = createHmac('sha256', key)
    .update(timestamp + '1234' + 'sid_request')
    .digest('base64')
  return { timestamp, signature }
}
const callback = (body: object): Promise<Answer> =>
  server.call('POST', '/api/auth/kyc/webhook/smile-id/', body)

/** Nobody asks about it for an hour. While somebody does, its row says that he has five minutes: then this waits for his answer. */
const shelve = (id: string): Promise<unknown> =>
  until(
    'nobody asks about it',
    async () =>
      (await server.db.run(sql`
        update kyc_checks set next_at = cauri_now() + interval '1 hour'
        where id = ${id} and next_at < cauri_now() + interval '200 seconds'`)) === 1,
  )

test('forged, old, malformed and unknown callbacks change nothing', async () => {
  await fault('pending_forever', 'submit')
  const one = await newcomer(server, 'Ade Ogundimu', 'Forgeman')
  await sendAll(server, one.access)
  const check = await until('the job is there', async () => {
    const [found] = await checksOf(one.id)
    return found?.state === 'SUBMITTED' && found
  })
  await shelve(check.id)
  const { now } = await server.db.one<{ now: Date }>(sql`select cauri_now() as now`)
  const clear = {
    ResultCode: '0810',
    PartnerParams: { job_id: check.id, user_id: 'x', job_type: 6 },
    SmileJobID: '1',
  }
  const before = await everything()
  const refused = [
    { ...clear, ...signed(now, 'not the key') },
    { ...clear, ...signed(new Date(now.getTime() - 3_600_000)) },
    { ...clear, timestamp: now.toISOString(), signature: 'x' },
    { ...clear },
    { ...signed(now) },
    {},
  ]
  for (const body of refused) {
    const said = await callback(body)
    expect([said.status, said.body.code]).toEqual([403, 'KYC_CALLBACK_REFUSED'])
  }
  const unknown = { ...clear, PartnerParams: { job_id: 'chk-00000000000000000000000000' }, ...signed(now) }
  expect((await callback(unknown)).status).toBe(200)
  expect((await callback({ ...clear, padding: 'x'.repeat(1_600_000), ...signed(now) })).status).toBe(413)
  expect(await everything()).toEqual(before)

  // A good one brings one question forward, whatever it says; a second within half a minute brings none.
  expect((await callback({ ...clear, ...signed(now) })).status).toBe(200)
  await until('the provider was asked', async () => {
    const { n } = await server.db.one<{ n: number }>(
      sql`select asked as n from kyc_checks where id = ${check.id}`,
    )
    return n >= 2
  })
  await shelve(check.id)
  const after = await everything()
  expect((await callback({ ...clear, ...signed(now) })).status).toBe(200)
  expect(await everything()).toEqual(after)
  expect((await statusOf(server, one.access)).body.kyc_status).toBe('SUBMITTED')
})

test('the provider’s own callback brings the answer, though nobody would have asked for an hour', async () => {
  await server.world.control('PUT', '/_sim/settings', { 'smile-id': { processing_ms: 800 } })
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await until('the job is there', async () => (await checksOf(one.id))[0]?.state === 'SUBMITTED')
  await server.db.run(sql`
    update kyc_checks set next_at = cauri_now() + interval '1 hour' where person_id = ${one.id}`)
  await untilStatus(server, one.access, 'VERIFIED')
  await server.world.control('PUT', '/_sim/settings', { 'smile-id': { processing_ms: 0 } })
})

test('where the provider refused, two administrators must approve, neither of them the person', async () => {
  const one = await newcomer(server, 'Rashid Omar', 'Twinley')
  await fault('provisional_first', 'submit')
  const forged = await newcomer(server, 'Ade Ogundimu', 'Forgeman')
  await sendAll(server, forged.access)
  await untilStatus(server, forged.access, 'REJECTED')
  const admin = await demoPerson(server, 'ADMIN')
  const approve = (id: bigint, by: Readonly<Record<string, string>>, body: object = { action: 'approve' }) =>
    server.call('POST', `/api/auth/admin/kyc/${id}/approve/`, body, by)
  const first = await approve(forged.id, admin)
  expect([first.status, first.body.awaiting_second_approval, first.body.kyc_status]).toEqual([
    200,
    true,
    'REJECTED',
  ])
  const same = await approve(forged.id, admin)
  expect([same.status, same.body.code]).toEqual([409, 'KYC_SAME_PERSON'])
  await server.db.run(sql`update identity_people set roles = '{BUYER,ADMIN}' where id = ${one.id}`)
  const own = await approve(one.id, bearer(one.access))
  expect([own.status, own.body.code]).toEqual([409, 'KYC_OWN_FILE'])
  const second = await approve(forged.id, bearer(one.access))
  expect([second.status, second.body.awaiting_second_approval, second.body.kyc_status]).toEqual([
    200,
    false,
    'VERIFIED',
  ])
  const buyer = await approve(forged.id, bearer(forged.access))
  expect(buyer.status).toBe(403)
})

test('a proof that is over expires, is told, and may be renewed sixty days before', async () => {
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  await server.db.run(sql`
    update identity_people set kyc_expires_at = cauri_now() + interval '59 days' where id = ${one.id}`)
  expect((await statusOf(server, one.access)).body).toMatchObject({
    next_step: 'SEND_DOCUMENTS',
    missing_documents: ['ID_FRONT', 'ID_BACK', 'SELFIE'],
  })
  expect((await sendDocument(server, one.access, 'SELFIE')).status).toBe(201)
  await advanceClock(server.db, 60 * 86_400)
  const login = await server.call('POST', '/api/auth/login', {
    phone_number: one.phone,
    password: 'mangue verte 7 du marché',
  })
  const access = String(login.body.access)
  expect((await untilStatus(server, access, 'EXPIRED')).body.reason_code).toBe('EXPIRED')
  await until('the SMS', async () => (await inboxOf(one.phone)).some((text) => /a expiré/.test(text)))
})
