import { setTimeout as pause } from 'node:timers/promises'
import type { Outbound, OutboundPool } from '../../platform/outbound.ts'
import type { Sms, SmsAnswer, SmsProvider, SmsReceipt } from '../sms.ts'
import { openTokens } from './orange-token.ts'
import { openPace } from '../pace.ts'
import { asId, asObject, MOST_BYTES, parseObject, refused, unknown, unsent, withoutAnswer } from './shape.ts'

/**
 * Orange's sender address of each country that it serves, by calling code (SMS API, «Country sender numbers»). What
 * the person sees is the sender name, where one was registered.
 */
export const orangeSenders: Readonly<Record<string, string>> = {
  '+237': 'tel:+2370000',
  '+225': 'tel:+2250000',
  '+221': 'tel:+2210000',
  '+223': 'tel:+2230000',
  '+226': 'tel:+2260000',
  '+224': 'tel:+2240000',
  '+243': 'tel:+2430000',
  '+261': 'tel:+2610000',
}

export type OrangeSmsOptions = {
  /** https://api.orange.com, or what stands for it; it may have a path. */
  readonly url: string
  readonly client_id: string
  readonly client_secret: string
  /** At most 11 letters and digits, registered with Orange before. */
  readonly sender_name?: string
  /** Sender addresses by calling code; Orange's own when absent. */
  readonly senders?: Readonly<Record<string, string>>
  /** Orange allows 5; 0: no limit. */
  readonly rate_per_s: number
  readonly timeout_ms: number
  readonly outbound: Outbound
}

/** Orange SMS API 1.0: POST /smsmessaging/v1/outbound/{sender}/requests under a token of client credentials. */
export function openOrangeSms(options: OrangeSmsOptions): SmsProvider {
  const { client_id, client_secret, timeout_ms, outbound } = options
  const url = new URL(options.url)
  const base = url.pathname.replace(/\/+$/, '')
  const pool = outbound.pool(url.origin, { connections: 8 })
  const tokens = openTokens({ pool, base, client_id, client_secret, timeout_ms })
  const pace = openPace(options.rate_per_s)
  return {
    name: 'orange',
    parseReceipt: readReceipt,
    close: pool.close,
    send: async (sms) => {
      const request = requestOf(sms, options)
      if (request === undefined) return refused('NO_SENDER_FOR_COUNTRY')
      // Twice: a token may be taken back before its time. A call answered 401 has sent nothing.
      for (let renewed = false; ; renewed = true) {
        const token = await tokens.get()
        if (token.kind !== 'token') return token
        await pause(pace.wait_ms())
        const answer = await post(pool, `${base}${request.path}`, request.body, token.value, timeout_ms)
        if (answer !== 'expired') return answer
        tokens.drop(token.value)
        if (renewed) return unsent('a new token is refused too', true)
      }
    },
  }
}

function requestOf(
  sms: Sms,
  { senders = orangeSenders, sender_name }: OrangeSmsOptions,
): { readonly path: string; readonly body: string } | undefined {
  const code = Object.keys(senders).find((prefix) => sms.to.startsWith(prefix))
  const sender = code === undefined ? undefined : senders[code]
  if (sender === undefined) return undefined
  return {
    path: `/smsmessaging/v1/outbound/${encodeURIComponent(sender)}/requests`,
    body: JSON.stringify({
      outboundSMSMessageRequest: {
        address: `tel:${sms.to}`,
        senderAddress: sender,
        ...(sender_name === undefined ? {} : { senderName: sender_name }),
        outboundSMSTextMessage: { message: sms.text },
      },
    }),
  }
}

async function post(
  pool: OutboundPool,
  path: string,
  body: string,
  token: string,
  timeout_ms: number,
): Promise<SmsAnswer | 'expired'> {
  const answer = await pool.request({
    method: 'POST',
    path,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body,
    timeout_ms,
    max_bytes: MOST_BYTES,
  })
  if (answer.kind !== 'answer') return withoutAnswer(answer)
  if (answer.status === 401) return 'expired'
  return readAnswer(answer.status, answer.body)
}

/** Reads the answer to a POST. Only 201 with its own body means taken: a gateway's page with 200 means nothing. */
function readAnswer(status: number, body: Buffer): SmsAnswer {
  const root = parseObject(body)
  if (status === 200 || status === 201) {
    const made = asObject(root?.['outboundSMSMessageRequest'])
    if (made === undefined) return unknown(`an answer that cannot be read (${status})`)
    const provider_id = idIn(made['resourceURL'])
    return provider_id === undefined ? { kind: 'accepted' } : { kind: 'accepted', provider_id }
  }
  if (status === 400)
    return root === undefined ? unknown('an answer that cannot be read (400)') : refused(codeIn(root))
  if (status === 403) return unsent('no balance, or not subscribed', true)
  if (status === 404) return unsent('no such sender', true)
  if (status === 429) return unsent('too fast')
  return unknown(`answered ${status}`)
}

/** …/requests/{id}: the id comes back in receipts. */
const idIn = (resource: unknown): string | undefined =>
  typeof resource === 'string' ? asId(/\/requests\/([^/?#]+)$/.exec(resource)?.[1]) : undefined

/** The code (SVC0004, POL0001 …) of `requestError`; its sentence may hold the number and is not kept. */
function codeIn(root: { readonly [name: string]: unknown }): string {
  const error = asObject(root['requestError'])
  const exception = asObject(error?.['serviceException']) ?? asObject(error?.['policyException'])
  const code = exception?.['messageId'] ?? root['code']
  return /^[A-Z0-9]{1,12}$/.test(String(code)) ? String(code) : 'REFUSED'
}

const receiptStatus: Readonly<Record<string, SmsReceipt['status']>> = {
  DeliveredToTerminal: 'DELIVERED',
  DeliveredToNetwork: 'ON_ITS_WAY',
  // Usual for the other operators' networks, which give no receipt.
  DeliveryUncertain: 'ON_ITS_WAY',
  MessageWaiting: 'ON_ITS_WAY',
  // Orange's own words: it may still be delivered later.
  DeliveryImpossible: 'NOT_DELIVERED',
}

function readReceipt(body: Buffer): SmsReceipt | undefined {
  const notification = asObject(parseObject(body)?.['deliveryInfoNotification'])
  const said = asObject(notification?.['deliveryInfo'])?.['deliveryStatus']
  const provider_id = asId(notification?.['callbackData'])
  if (provider_id === undefined || typeof said !== 'string' || !Object.hasOwn(receiptStatus, said))
    return undefined
  return { provider_id, status: receiptStatus[said] ?? 'ON_ITS_WAY', said }
}
