import { createHmac, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { record } from '../audit/index.ts'
import { crashPoint } from '../platform/crash-point.ts'
import { sql, type Db } from '../platform/db.ts'
import type { Log } from '../platform/log.ts'
import type { Outbound } from '../platform/outbound.ts'

/**
 * Outgoing signed events, as Standard Webhooks: headers webhook-id, webhook-timestamp and webhook-signature over
 * `id.timestamp.payload`. At least once: the receiver knows a repetition by its id. It never follows a redirect, and
 * never reaches an address that is not public (loopback in the sandbox only).
 */
export type Delivery = {
  /** The same at every try. */
  readonly id: string
  readonly url: string
  readonly organization_id: string
  readonly type: string
  readonly timestamp: string
  readonly data: object
}

export const newDelivery = (
  fact: {
    readonly url: string
    readonly organization_id: bigint
    readonly type: string
    readonly data: object
  },
  at: Date,
): Delivery => ({
  id: `msg_${randomUUID()}`,
  url: fact.url,
  organization_id: String(fact.organization_id),
  type: fact.type,
  timestamp: at.toISOString(),
  data: fact.data,
})

/** An organisation's secret, `whsec_…`: made of the server's key, so that it needs no storing. */
export const webhookSecret = (secret_key: string, organization_id: bigint | string): string =>
  `whsec_${createHmac('sha256', secret_key).update(`webhook:${organization_id}`).digest('base64')}`

const TIMEOUT_MS = 5_000
const MOST_BYTES = 65_536

export type DeliverDeps = {
  readonly db: Db
  readonly log: Log
  readonly outbound: Outbound
  readonly secret_key: string
  /** From the call to the end of the answer; 5 s when absent. */
  readonly timeout_ms?: number
}

/** Sends one event once. Throws unless the receiver answers 2xx, so that the job queue tries again later. */
export async function deliver(deps: DeliverDeps, delivery: Delivery): Promise<void> {
  const payload = JSON.stringify({ type: delivery.type, timestamp: delivery.timestamp, data: delivery.data })
  // The receiver compares with its own clock: real time, not the sandbox's.
  const { sent_at } = await deps.db.one<{ sent_at: Date }>(sql`select clock_timestamp() as sent_at`)
  const signature = new Webhook(webhookSecret(deps.secret_key, delivery.organization_id)).sign(
    delivery.id,
    sent_at,
    payload,
  )
  const answer = await deps.outbound.request({
    method: 'POST',
    url: delivery.url,
    guard: 'public',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Cauri',
      'webhook-id': delivery.id,
      'webhook-timestamp': String(Math.floor(sent_at.getTime() / 1_000)),
      'webhook-signature': signature,
    },
    body: payload,
    timeout_ms: deps.timeout_ms ?? TIMEOUT_MS,
    max_bytes: MOST_BYTES,
  })
  crashPoint('webhook.sent')
  const host = new URL(delivery.url).host
  if (answer.kind !== 'answer' || answer.status < 200 || answer.status > 299) {
    const because = answer.kind === 'answer' ? `answered ${answer.status}` : answer.because
    deps.log.warn({ webhook_id: delivery.id, host, because }, 'a webhook was not taken')
    throw new Error(`webhook ${delivery.id}: ${because}`)
  }
  await deps.db.tx((tx) =>
    record(tx, {
      actor: 'webhooks',
      action: 'webhook.delivered',
      subject: delivery.id,
      detail: { host, type: delivery.type },
    }),
  )
}
