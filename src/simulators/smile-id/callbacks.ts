import { request as httpRequest } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import { contraryOf } from './identities.ts'
import type { Job, Step } from './jobs.ts'
import { stampAt } from './signature.ts'
import { resultOf } from './v1-result.ts'

const HOUR_MS = 3_600_000

type Sent = { readonly headers: Record<string, string>; readonly body: string }

/** The client is called once; what it answers is not looked at. A fault may change when, how often, and what is said. */
export const openCallbacks =
  ({ clock, faults }: { readonly clock: Clock; readonly faults: Faults }) =>
  (job: Job, step: Step, told: () => void): void => {
    const url = job.callback_url
    const strike = url === null ? undefined : faults.strikeSmileId('callback', job.job_id)
    if (url === null || strike?.kind === 'callback_lost') return told()
    const send = (of: Step, { age_ms = 0, key }: { age_ms?: number; key?: string } = {}): Promise<void> =>
      post(url, callbackOf(job, of, stampAt(clock.now() - age_ms, key)))
    const other: Step = { ...step, outcome: contraryOf(step.outcome), is_final: true }
    switch (strike?.kind) {
      case 'callback_duplicate':
        return void Promise.all([send(step), send(step)]).then(() => send(step).then(told))
      case 'callback_late':
        return void clock.after((strike.delay_s ?? 60) * 1_000, () => void send(step).then(told))
      case 'callback_forged':
        return void send(other, { key: 'not the key' }).then(told)
      case 'callback_replayed':
        return void send(step, { age_ms: HOUR_MS }).then(told)
      case 'callback_contradicting':
        return void send(other).then(told)
      default:
        return void send(step).then(told)
    }
  }

/** V1 signs in the body; V3 in headers, by the same rule (docs, «Receive webhooks»). */
function callbackOf(job: Job, step: Step, stamp: { timestamp: string; signature: string }): Sent {
  if (job.version === 1) return { headers: {}, body: JSON.stringify({ ...resultOf(job, step), ...stamp }) }
  const { status, message, reason } = step.outcome
  const body = {
    status,
    message,
    reason,
    job_id: job.id,
    user_id: job.user_id,
    product: 'document_verification',
    partner_params: { ...job.partner_params, user_id: job.user_id },
    created_at: new Date(job.at).toISOString(),
    completed_at: new Date(step.at).toISOString(),
  }
  const headers = {
    'Response-Signature': stamp.signature,
    'Response-Timestamp': stamp.timestamp,
    'Job-ID': job.id,
    'User-ID': job.user_id,
  }
  return { headers, body: JSON.stringify(body) }
}

/** Never fails: who is not there is not told. */
const post = (url: string, { headers, body }: Sent): Promise<void> =>
  new Promise((done) => {
    const request = httpRequest(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...headers,
      },
      timeout: 10_000,
    })
    request.on('response', (response) => {
      response.resume()
      response.on('close', () => done())
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => done())
    request.end(body)
  })
