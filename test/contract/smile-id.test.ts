import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckJob, IdentityCheck } from '../../src/connectors/identity-check.ts'
import { openSmileIdV1 } from '../../src/connectors/smile-id/index.ts'
import { openOutbound } from '../../src/platform/outbound.ts'
import { openTestWorld, type TestWorld } from '../../src/simulators/test-world.ts'

const outbound = openOutbound({ production: false, allow_loopback: true })
let world: TestWorld
beforeAll(async () => {
  world = await openTestWorld()
})
afterAll(async () => {
  await world.close()
  await outbound.close()
})
const here = (): IdentityCheck =>
  openSmileIdV1({
    url: `http://127.0.0.1:${world.simulators.ports.simulator}/smile-id`,
    partner_id: '1234',
    api_key: 'sandbox',
    timeout_ms: 2_000,
    outbound,
  })
let last = 0
const newJob = (more: Partial<CheckJob> = {}): CheckJob => ({
  job_id: `job-${++last}`,
  user_id: `user-${last}`,
  first_name: 'Amina Fatou',
  last_name: 'Clearwater',
  phone_number: '+237690000001',
  country: 'CM',
  id_type: null,
  consent: {
    granted_at: new Date('2026-11-01T10:00:00Z'),
    language: 'fr',
    version: '1',
    policy_url: 'https://example.cm/vie-privee',
  },
  images: [
    { kind: 'SELFIE', type: 'image/jpeg', bytes: Buffer.from('selfie') },
    { kind: 'ID_FRONT', type: 'image/png', bytes: Buffer.from('front') },
  ],
  callback_url: 'http://127.0.0.1:1/hook',
  ...more,
})

test('a job is taken and decided', async () => {
  const job = newJob()
  const check = here()
  const submitted = await check.submit(job)
  expect(submitted).toMatchObject({ kind: 'accepted' })
  expect(await check.ask({ ...job, provider_job: null })).toMatchObject({
    kind: 'decided',
    verdict: { outcome: 'CLEAR', code: '0810', is_final: true },
  })
})
