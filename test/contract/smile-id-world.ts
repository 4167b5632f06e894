import { hash } from 'node:crypto'
import type { CheckImage, CheckJob, IdentityCheck } from '../../src/connectors/identity-check.ts'
import { openSmileIdV1, openSmileIdV3 } from '../../src/connectors/smile-id/index.ts'
import { openOutbound, type Outbound } from '../../src/platform/outbound.ts'
import type { TestWorld } from '../../src/simulators/test-world.ts'
import { atEnd } from '../harness/ends.ts'

export type Version = 'v1' | 'v3'

let opened: Outbound | undefined
/** One for all the clients of a test file. */
function outbound(): Outbound {
  if (opened) return opened
  const made = openOutbound({ production: false, allow_loopback: true })
  atEnd(() => {
    opened = undefined
    return made.close()
  })
  return (opened = made)
}

export type Where = { readonly api_key?: string; readonly timeout_ms?: number; readonly partner_id?: string }

/** A client of the provider at an address. */
export const clientAt = (version: Version, url: string, more: Where = {}): IdentityCheck =>
  (version === 'v1' ? openSmileIdV1 : openSmileIdV3)({
    url,
    partner_id: '1234',
    api_key: 'sandbox',
    timeout_ms: 3_000, // only silence lasts so long; a busy machine may need one of them
    outbound: outbound(),
    ...more,
  })

export const clientOf = (version: Version, world: TestWorld, more: Where = {}): IdentityCheck =>
  clientAt(version, `http://127.0.0.1:${world.simulators.ports.simulator}/smile-id`, more)

/** Bytes of any kind: neither version reads images here, both must bring them whole. */
const bytesOf = (seed: string, count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(count / 32) }, (_, i) => hash('sha256', `${seed}${i}`, 'buffer')),
  ).subarray(0, count)

export const image = (
  kind: CheckImage['kind'],
  type: CheckImage['type'] = 'image/jpeg',
  count = 1_000,
): CheckImage => ({ kind, type, bytes: bytesOf(`${kind}${type}${count}`, count) })

const run = `${process.pid}${Date.now() % 100_000}`
let last = 0

/** A job of a person whom the provider finds good, under ids that no other has. */
export const newJob = (more: Partial<CheckJob> = {}): CheckJob => {
  const n = `${run}-${++last}`
  return {
    job_id: `job-${n}`,
    user_id: `user-${n}`,
    first_name: 'Amina Fatou',
    last_name: 'Clearwater',
    phone_number: '+237690000001',
    country: 'CM',
    id_type: null,
    consent: {
      granted_at: new Date('2026-11-01T10:00:00.000Z'),
      language: 'fr',
      version: '2026-10',
      policy_url: 'https://example.cm/vie-privee',
    },
    images: [
      image('SELFIE', 'image/jpeg', 7_777),
      image('ID_FRONT', 'image/png', 20_001),
      image('ID_BACK', 'image/jpeg', 1),
      ...[1, 2, 3, 4, 5, 6].map((i) => image('LIVENESS', 'image/jpeg', 500 + i)),
    ],
    callback_url: 'http://127.0.0.1:1/nobody',
    ...more,
  }
}

export type Done = {
  readonly id: string
  readonly job_id: string
  readonly images: readonly { readonly kind: string; readonly type: string; readonly sha256: string }[]
} & Readonly<Record<string, unknown>>

/** What the provider did, and was paid for, under our id. */
export async function doneBy(world: TestWorld, job_id: string): Promise<readonly Done[]> {
  const answer = await world.control('GET', '/_sim/smile-id')
  return (answer.json['jobs'] as unknown as Done[]).filter((job) => job.job_id === job_id)
}

/** Everything about the person and us that no answer of a connector may repeat where it says no verdict. */
export const SECRETS = /Clearwater|Amina|690000001|sandbox(?!\.)/
