import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/platform/config.ts'
import { openOutbound } from '../../src/platform/outbound.ts'
import { openTestWorld, type TestWorld } from '../../src/simulators/test-world.ts'
import { openIdentityCheck, smileIdAccount } from '../../src/providers.ts'
import { openReceiver } from '../harness/receiver.ts'
import { until } from '../harness/wait.ts'
import { clientAt, clientOf, doneBy, image, newJob, SECRETS } from './smile-id-world.ts'
import type { Version } from './smile-id-world.ts'

/** A provider that answers as told, by the path that it is asked for. */
async function scripted(version: Version, answer: (path: string) => readonly [number, string]) {
  const receiver = await openReceiver((call, reply) => {
    const [status, body] = answer(receiver.received[call - 1]?.path ?? '')
    reply.writeHead(status).end(body)
  })
  return { receiver, client: clientAt(version, `http://127.0.0.1:${receiver.port}`, { timeout_ms: 5_000 }) }
}

const stamp = (key = 'sandbox', partner = '1234', timestamp = '2026-11-29T10:00:00.000Z') => ({
  timestamp,
  signature: createHmac('sha256', key).update(`${timestamp}${partner}sid_request`).digest('base64'),
})

describe('v1', () => {
  const job = newJob()
  const asked = { ...job, provider_job: '0000000007' }

  test('sends what the provider’s own library sends', async () => {
    const { receiver, client } = await scripted('v1', (path) =>
      path === '/v1/upload'
        ? [200, JSON.stringify({ upload_url: `http://127.0.0.1:${receiver.port}/put`, smile_job_id: '7' })]
        : [200, ''],
    )
    expect(await client.submit(job)).toEqual({ kind: 'accepted', provider_job: '7' })
    const [upload, put] = receiver.received
    const body = JSON.parse(upload?.body ?? '') as Record<string, unknown>
    expect(body).toEqual({
      callback_url: job.callback_url,
      country: 'CM',
      entered: 'false',
      file_name: 'selfie.zip',
      first_name: 'Amina Fatou',
      last_name: 'Clearwater',
      model_parameters: {},
      partner_params: { job_id: job.job_id, user_id: job.user_id, job_type: 6 },
      smile_client_id: '1234',
      source_sdk: 'rest_api',
      source_sdk_version: '1.0.0',
      use_enrolled_image: false,
      ...stamp('sandbox', '1234', String(body['timestamp'])),
    })
    expect(put).toMatchObject({ path: '/put', headers: { 'content-type': 'application/zip' } })
    expect(put?.headers).not.toHaveProperty('authorization')
  })

  test.each([
    [200, '', 'unknown'],
    [200, '<html>', 'unknown'],
    [200, '[]', 'unknown'],
    [200, '{"upload_url":"http://127.0.0.1:1/a"}', 'unknown'],
    [200, '{"smile_job_id":"7"}', 'unknown'],
    [200, '{"smile_job_id":"7","code":"2204","upload_url":"http://127.0.0.1:1/a"}', 'unknown'],
    [200, '{"smile_job_id":"a b","upload_url":"http://127.0.0.1:1/a"}', 'unknown'],
    [200, '{"smile_job_id":"7","upload_url":"https://evil.example/a"}', 'unknown'],
    [200, '{"smile_job_id":"7","upload_url":"http://169.254.169.254/a"}', 'unknown'],
    [200, `{"smile_job_id":"7","upload_url":"http://127.0.0.1:1/a","x":"${'x'.repeat(70_000)}"}`, 'unknown'],
    // Nobody listens there: the images surely did not leave.
    [200, '{"smile_job_id":"7","upload_url":"http://127.0.0.1:1/a"}', 'unsent'],
    [204, '', 'unknown'],
    [302, '', 'unknown'],
    [400, '{"code":"2213","error":"partner_params"}', 'refused'],
    [400, '<html>', 'unknown'],
    [401, '{"code":"2205","error":"You are not authorized to do that."}', 'refused'],
    [403, '<html><title>Request Rejected</title></html>', 'unknown'],
    [403, '{}', 'unknown'],
    [404, '{"message":"Not Found"}', 'unknown'],
    [409, '{"error":"exists"}', 'unknown'],
    [413, '{"message":"Request Too Long"}', 'refused'],
    [429, '{"message":"Too Many Requests"}', 'unsent'],
    [502, '{"message":"Internal server error"}', 'unknown'],
  ] as const)('an answer %i to a preparation (%#)', async (status, body, kind) => {
    const { receiver, client } = await scripted('v1', () => [status, body])
    const answer = await client.submit(job)
    expect(answer.kind).toBe(kind)
    if (answer.kind === 'refused') expect(answer.ours).toBe(status !== 413)
    expect(JSON.stringify(answer)).not.toMatch(SECRETS)
    expect(receiver.received).toHaveLength(1)
  })

  test.each([201, 204, 302, 403, 500])('an archive answered %i is unknown', async (status) => {
    const { receiver, client } = await scripted('v1', (path) =>
      path === '/v1/upload'
        ? [200, JSON.stringify({ upload_url: `http://127.0.0.1:${receiver.port}/put`, smile_job_id: '7' })]
        : [status, ''],
    )
    expect(await client.submit(job)).toMatchObject({ kind: 'unknown' })
  })

  const good = {
    SmileJobID: '0000000007',
    PartnerParams: { job_id: job.job_id, user_id: job.user_id, job_type: 6 },
    ResultCode: '0810',
    IsFinalResult: 'true',
  }
  const said = (result: unknown, more: object = {}, signed: object = stamp()): string =>
    JSON.stringify({ ...signed, job_complete: true, job_success: true, code: '2302', result, ...more })
  const ofOther = (params: object): string =>
    said({ ...good, PartnerParams: { ...good.PartnerParams, ...params } })

  test.each([
    ['the good one', 200, said(good), 'decided'],
    ['nothing', 200, '', 'unknown'],
    ['a page', 200, '<html>', 'unknown'],
    ['half of it', 200, said(good).slice(0, -9), 'unknown'],
    ['another status', 201, said(good), 'unknown'],
    ['404', 404, said('Job not found', { job_complete: false }), 'unknown'],
    ['no signature', 200, said(good, {}, {}), 'unknown'],
    ['another key', 200, said(good, {}, stamp('other')), 'unknown'],
    ['another partner', 200, said(good, {}, stamp('sandbox', '4321')), 'unknown'],
    ['another time than was signed', 200, said(good, { timestamp: '2026-11-29T10:00:01.000Z' }), 'unknown'],
    ['another job', 200, ofOther({ job_id: 'another' }), 'unknown'],
    ['another person', 200, ofOther({ user_id: 'another' }), 'unknown'],
    ['another kind of job', 200, ofOther({ job_type: 2 }), 'unknown'],
    ['another job of the provider’s', 200, said({ ...good, SmileJobID: '8' }), 'unknown'],
    ['nobody', 200, said({ ...good, PartnerParams: undefined }), 'unknown'],
    ['no code', 200, said({ ...good, ResultCode: undefined }), 'unknown'],
    ['a sentence for a code', 200, said({ ...good, ResultCode: 'Amina passed' }), 'unknown'],
    ['no result', 200, said(undefined), 'unknown'],
    ['a text for a result', 200, said('all is well'), 'unknown'],
    ['no word whether it is over', 200, said(good, { job_complete: 'true' }), 'unknown'],
    ['more than anybody reads', 200, said({ ...good, x: 'x'.repeat(2_200_000) }), 'unknown'],
    ['a picture of a megabyte', 200, said({ ...good, Document: 'x'.repeat(1_400_000) }), 'decided'],
    ['no archive yet', 200, said('No zip uploaded', { job_complete: false }), 'not_found'],
    [
      'no archive yet, in other words',
      200,
      said('No zip uploaded yet', { job_complete: false }),
      'not_found',
    ],
    ['not through', 200, said('Job is not complete', { job_complete: false }), 'pending'],
  ] as const)('an answer about a job: %s', async (_, status, body, kind) => {
    const { client } = await scripted('v1', () => [status, body])
    const state = await client.ask(asked)
    expect(state.kind).toBe(kind)
    if (state.kind !== 'decided') expect(JSON.stringify(state)).not.toMatch(SECRETS)
  })

  test.each([
    [{}, { is_final: true }],
    [{ IsFinalResult: undefined }, { is_final: true }],
    [{ IsFinalResult: 'false' }, { is_final: false }],
    [{ ResultCode: '0814' }, { is_final: false, outcome: 'REVIEW', reason: 'FACE_SPOOFED' }],
    [{ ResultCode: '7777' }, { is_final: true, outcome: 'REVIEW', reason: 'OTHER', code: '7777' }],
    [
      { FullName: ' Amina  Fatou ', IDNumber: '112233' },
      { document: { full_name: 'Amina  Fatou', id_number: '112233' } },
    ],
    [{ FullName: 'a\u0000b', IDNumber: 'Not Available' }, { document: { full_name: null, id_number: null } }],
    [{ FullName: 'x'.repeat(201), IDType: 7 }, { document: { full_name: null, id_type: null } }],
    [
      { DOB: '1989-01-20', ExpirationDate: 'NaN-NaN-NaN' },
      { document: { date_of_birth: '1989-01-20', expires_on: null } },
    ],
    [
      { DOB: '2026-02-30', ExpirationDate: '2034-11-26' },
      { document: { date_of_birth: null, expires_on: '2034-11-26' } },
    ],
  ])('what is read of a result (%#)', async (more, expected) => {
    const { client } = await scripted('v1', () => [200, said({ ...good, ...more })])
    expect(await client.ask(asked)).toMatchObject({ kind: 'decided', verdict: expected })
  })

  test('a result while the job goes on is provisional', async () => {
    const { client } = await scripted('v1', () => [200, said(good, { job_complete: false })])
    expect(await client.ask(asked)).toMatchObject({ kind: 'decided', verdict: { is_final: false } })
  })
})

describe('v3', () => {
  const job = newJob()
  const id = `job_${'0'.repeat(25)}7`
  const asked = { ...job, provider_job: id }
  const withToken =
    (status: number, body: string) =>
    (path: string): readonly [number, string] =>
      path === '/v3/token' ? [200, '{"token":"a.b.c"}'] : [status, body]
  const accepted = { status: 'Accepted', message: '', job_id: id, user_id: job.user_id }

  test('fifty jobs at once ask for one token, and carry it, our ids and our partner number', async () => {
    const { receiver, client } = await scripted('v3', withToken(202, JSON.stringify(accepted)))
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.submit(job)))
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    const tokens = receiver.received.filter(({ path }) => path === '/v3/token')
    expect(tokens).toHaveLength(1)
    expect(tokens[0]?.headers).toMatchObject({ 'smileid-partner-id': '1234', 'smileid-api-key': 'sandbox' })
    expect(receiver.received.at(-1)?.headers).toMatchObject({
      'smileid-token': 'a.b.c',
      'smileid-partner-id': '1234',
      'user-id': job.user_id,
    })
    expect(receiver.received.at(-1)?.body).toContain(`{"job_id":"${job.job_id}"}`)
    expect(receiver.received.at(-1)?.body).not.toContain('sandbox')
  })

  test('a partner number loses its zeros for a token and has three digits elsewhere', async () => {
    const { receiver } = await scripted('v3', withToken(202, JSON.stringify(accepted)))
    const client = clientAt('v3', `http://127.0.0.1:${receiver.port}`, { partner_id: '007' })
    expect(await client.submit(job)).toMatchObject({ kind: 'accepted' })
    expect(receiver.received.map(({ headers }) => headers['smileid-partner-id'])).toEqual(['7', '007'])
  })

  test.each([
    [202, JSON.stringify({ ...accepted, status: 'accepted' }), 'accepted'],
    [202, '', 'unknown'],
    [202, '<html>', 'unknown'],
    [202, JSON.stringify({ ...accepted, status: 'Rejected' }), 'unknown'],
    [202, JSON.stringify({ ...accepted, job_id: '../../users' }), 'unknown'],
    [202, JSON.stringify({ ...accepted, job_id: undefined }), 'unknown'],
    [202, JSON.stringify({ ...accepted, user_id: 'another' }), 'unknown'],
    [202, JSON.stringify({ ...accepted, x: 'x'.repeat(70_000) }), 'unknown'],
    [200, JSON.stringify(accepted), 'unknown'],
    [400, '{"status":"Bad Request","message":"Required field"}', 'refused'],
    [401, '{"status":"Unauthorized","message":"Invalid"}', 'refused'],
    [401, '<html>', 'unknown'],
    [402, '{"status":"Payment Required","message":"Insufficient wallet balance."}', 'refused'],
    [403, '{"status":"Forbidden","message":"Callback url not allowed."}', 'refused'],
    [403, '<html>', 'unknown'],
    [413, '{"status":"Content Too Large","message":"too large"}', 'refused'],
    [429, '{"status":"Too Many Requests","message":"Rate limit exceeded."}', 'unsent'],
    [500, '{"status":"Internal Server Error","message":"An unexpected error occurred."}', 'unknown'],
  ] as const)('an answer %i to a job (%#)', async (status, body, kind) => {
    const { client } = await scripted('v3', withToken(status, body))
    const answer = await client.submit(job)
    expect(answer.kind).toBe(kind)
    if (answer.kind === 'refused')
      expect(answer).toMatchObject({ ours: status !== 413, code: `HTTP_${status}` })
    expect(JSON.stringify(answer)).not.toMatch(SECRETS)
  })

  test.each([
    [200, '{}', 'unsent'],
    [200, '<html>', 'unsent'],
    [200, '{"token":"a\\r\\nx: y"}', 'unsent'],
    [200, '{"token":7}', 'unsent'],
    [401, '{"status":"Unauthorized","message":"Invalid"}', 'refused'],
    [403, '<html>', 'unsent'],
    [500, '{"message":"Internal"}', 'unsent'],
  ] as const)('a token answered %i %j leaves the job %s', async (status, body, kind) => {
    const { receiver, client } = await scripted('v3', () => [status, body])
    expect((await client.submit(job)).kind).toBe(kind)
    expect(receiver.received).toHaveLength(1)
    expect(await client.ask(asked)).toMatchObject({ kind: 'unknown' })
  })

  const state = { status: 'clear', job_id: id, user_id: job.user_id, message: '', created_at: '' }
  test.each([
    [200, { ...state }, 'decided'],
    [200, { ...state, status: 'paused' }, 'decided'],
    [200, { ...state, status: 'processing' }, 'unknown'],
    [200, { ...state, status: 'not_found' }, 'unknown'],
    [200, { ...state, status: 'Clear, of course' }, 'unknown'],
    [200, { ...state, status: undefined }, 'unknown'],
    [200, { ...state, job_id: `job_${'1'.repeat(26)}` }, 'unknown'],
    [200, { ...state, user_id: 'another' }, 'unknown'],
    [200, { ...state, x: 'x'.repeat(70_000) }, 'unknown'],
    [200, 'clear', 'unknown'],
    [201, { ...state }, 'unknown'],
    [202, { ...state }, 'unknown'],
    [202, { ...state, status: 'processing' }, 'pending'],
    [404, { ...state, status: 'not_found', user_id: 'unknown' }, 'not_found'],
    [404, { ...state }, 'unknown'],
    [404, { message: 'Not Found' }, 'unknown'],
    [404, { ...state, status: 'not_found', job_id: 'another' }, 'unknown'],
    [500, { ...state }, 'unknown'],
  ] as const)('a status %i (%#)', async (status, body, kind) => {
    const { client } = await scripted('v3', withToken(status, JSON.stringify(body)))
    const answer = await client.ask(asked)
    expect(answer.kind).toBe(kind)
    if (answer.kind === 'decided' && body !== 'clear')
      expect(answer.verdict.outcome).toBe((body as typeof state).status === 'clear' ? 'CLEAR' : 'REVIEW')
  })

  test('a reason beside the status is read where there is one', async () => {
    const body = { ...state, status: 'block', reason: 'spoof_detected' }
    const { client } = await scripted('v3', withToken(200, JSON.stringify(body)))
    expect(await client.ask(asked)).toMatchObject({
      verdict: { outcome: 'REFUSED', reason: 'FACE_SPOOFED', code: 'block:spoof_detected', is_final: true },
    })
  })

  test('what the protocol would refuse never leaves', async () => {
    const { receiver, client } = await scripted('v3', withToken(202, JSON.stringify(accepted)))
    const faces = job.images.slice(3)
    const [selfie, front] = [image('SELFIE'), image('ID_FRONT')]
    const code = async (...images: ReturnType<typeof image>[]) => {
      const answer = await client.submit({ ...job, images })
      return answer.kind === 'refused' ? `${answer.code} ${answer.ours}` : answer.kind
    }
    expect(await code(selfie, front)).toBe('LIVENESS_IMAGES_MISSING true')
    expect(await code(selfie, front, ...faces.slice(1))).toBe('LIVENESS_IMAGES_MISSING true')
    expect(await code(selfie, front, ...faces, ...faces)).toBe('LIVENESS_IMAGES_MISSING true')
    expect(await code(image('SELFIE', 'image/png'), front, ...faces)).toBe('SELFIE_NOT_JPEG true')
    expect(await code(selfie, selfie, front, ...faces)).toBe('IMAGES_MISSING true')
    expect(await code(selfie, image('ID_FRONT', 'image/jpeg', 4_500_000), ...faces)).toBe(
      'IMAGES_TOO_LARGE false',
    )
    expect(receiver.received).toEqual([])
    expect(await code(selfie, front, ...faces)).toBe('accepted')
  })
})

describe('against the simulator', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await openTestWorld()
  })
  afterAll(() => world.close())
  const inject = (fault: object) => world.control('POST', '/_sim/faults', { rail: 'smile-id', ...fault })

  test('v1: first what a machine thinks, then what people say, each with its callback', async () => {
    await world.control('PUT', '/_sim/settings', { 'smile-id': { review_ms: 7_200_000 } })
    const receiver = await openReceiver()
    const job = newJob({ callback_url: receiver.url })
    await inject({ kind: 'provisional_first', suffix: job.job_id })
    const client = clientOf('v1', world)
    await client.submit(job)
    await until('the first callback', async () => receiver.received.length > 0)
    const ask = () => client.ask({ ...job, provider_job: null })
    const first = { outcome: 'REVIEW', code: '0814', is_final: false }
    expect(await ask()).toMatchObject({ kind: 'decided', verdict: first })
    await world.advance(7_201)
    await until('the second one', async () => receiver.received.length > 1)
    const second = { outcome: 'CLEAR', code: '1210', is_final: true }
    expect(await ask()).toMatchObject({ kind: 'decided', verdict: second })
  })

  test.each<Version>(['v1', 'v3'])('%s: a job may stay pending for ever', async (version) => {
    const job = newJob()
    await inject({ kind: 'pending_forever', suffix: job.job_id })
    const client = clientOf(version, world)
    const submitted = await client.submit(job)
    const provider_job = submitted.kind === 'accepted' ? submitted.provider_job : null
    await world.advance(86_400 * 30)
    expect(await client.ask({ ...job, provider_job })).toEqual({ kind: 'pending' })
  })

  test('v1: a signature of somebody else’s is no answer', async () => {
    const job = newJob()
    await clientOf('v1', world).submit(job)
    await inject({ kind: 'wrong_signature', suffix: job.job_id, times: 1 })
    const ask = () => clientOf('v1', world).ask({ ...job, provider_job: null })
    expect(await ask()).toEqual({ kind: 'unknown', because: 'an answer with a wrong signature' })
    expect((await ask()).kind).toMatch(/decided|pending/)
  })

  test('v1: an archive whose bytes changed on their way is unusable, whatever the person’s name', async () => {
    const job = newJob()
    const receiver = await openReceiver((_, reply) => void reply.writeHead(200).end('{}'))
    await clientAt('v1', `http://127.0.0.1:${receiver.port}`).submit(job)
    const asked = receiver.received[0]?.body ?? ''
    const port = world.simulators.ports.simulator
    const prepared = await world.control('POST', '/smile-id/v1/upload', asked)
    const path = new URL(prepared.json['upload_url'] as unknown as string).pathname
    expect((await world.control('PUT', path, 'PK not an archive')).status).toBe(200)
    const client = clientAt('v1', `http://127.0.0.1:${port}/smile-id`)
    const verdict = await until('a verdict', async () => {
      const state = await client.ask({ ...job, provider_job: null })
      return state.kind === 'decided' && state.verdict
    })
    expect(verdict).toMatchObject({ outcome: 'RESUBMIT', reason: 'IMAGE_UNUSABLE', code: '0001' })
    await world.advance(3_700)
    expect((await world.control('PUT', path, 'x')).status).toBe(403)
  })

  test('v3: a token that is over, or taken back, is renewed once and unseen; a second time it is about us', async () => {
    const client = clientOf('v3', world)
    const send = async (fault?: object) => {
      const job = newJob()
      if (fault !== undefined)
        await inject({ kind: 'token_expired_mid_flight', suffix: job.job_id, ...fault })
      const answer = await client.submit(job)
      return [answer.kind, (await doneBy(world, job.job_id)).length]
    }
    expect(await send()).toEqual(['accepted', 1])
    await world.advance(901)
    expect(await send()).toEqual(['accepted', 1])
    expect(await send({ times: 1 })).toEqual(['accepted', 1])
    expect(await send({ times: 2 })).toEqual(['refused', 0])
    expect(await send()).toEqual(['accepted', 1])
  })
})

describe('the choice of who checks', () => {
  const outbound = openOutbound({ production: true, allow_loopback: false })
  afterAll(() => outbound.close())
  const production = (more: Record<string, string>) =>
    readConfig({
      CAURI_MODE: 'production',
      PUBLIC_URL: 'https://pay.example.cm',
      SECRET_KEY: 'k'.repeat(32),
      FIELD_ENCRYPTION_KEY: 'k'.repeat(32),
      DATABASE_URL: 'postgres://127.0.0.1/none',
      ...more,
    })
  const account = { SMILE_ID_PARTNER_ID: '007', SMILE_ID_API_KEY: 'real' }

  test('production asks nobody unless told who we are, and says what is missing', () => {
    expect(openIdentityCheck({ config: production({}) }, outbound)).toBeUndefined()
    expect(() => production({ SMILE_ID_PARTNER_ID: '007' })).toThrow('SMILE_ID_API_KEY: required by')
    expect(() => production({ SMILE_ID_API_KEY: 'k' })).toThrow('SMILE_ID_PARTNER_ID: required by')
    const config = production(account)
    expect(openIdentityCheck({ config }, outbound)?.provider).toBe('smile-id-v1')
    const v3 = production({ ...account, SMILE_ID_VERSION: 'v3' })
    expect(openIdentityCheck({ config: v3 }, outbound)?.provider).toBe('smile-id-v3')
    const real = { partner_id: '007', api_key: 'real', url: 'https://api.smileidentity.com' }
    // A simulator that runs beside is never asked for real people.
    expect(smileIdAccount({ config, simulator_url: 'http://127.0.0.1:1' })).toEqual(real)
  })

  test.each([
    ['no', 'https://api.smileidentity.com'],
    ['False', 'https://api.smileidentity.com'],
    ['yes', 'https://testapi.smileidentity.com'],
    ['True', 'https://testapi.smileidentity.com'],
  ])('SMILE_ID_SANDBOX=%s in production is %s', (SMILE_ID_SANDBOX, url) => {
    expect(smileIdAccount({ config: production({ ...account, SMILE_ID_SANDBOX }) })?.url).toBe(url)
  })

  test('the sandbox asks its simulator, whatever account is configured, or nobody', () => {
    const config = readConfig({ ...account, SMILE_ID_SANDBOX: 'False' })
    expect(smileIdAccount({ config })).toBeUndefined()
    const simulated = { config, simulator_url: 'http://127.0.0.1:1' }
    expect(smileIdAccount(simulated)).toMatchObject({
      url: 'http://127.0.0.1:1/smile-id',
      api_key: 'sandbox',
    })
    expect(openIdentityCheck(simulated, outbound)?.provider).toBe('smile-id-v1')
  })
})
