import type { Outbound } from '../../platform/outbound.ts'
import type { SmsAnswer, SmsProvider, SmsReceipt } from '../sms.ts'
import { asId, asObject, MOST_BYTES, parseObject, refused, unknown, unsent, withoutAnswer } from './shape.ts'
import type { Json } from './shape.ts'

export type AfricasTalkingOptions = {
  /** https://api.africastalking.com, or what stands for it; it may have a path. */
  readonly url: string
  readonly username: string
  readonly api_key: string
  /** A registered sender; the provider's own when absent. */
  readonly from?: string
  readonly timeout_ms: number
  readonly outbound: Outbound
}

/** Africa's Talking: POST /version1/messaging, a form under an API key; each recipient has a code of its own. */
export function openAfricasTalking(options: AfricasTalkingOptions): SmsProvider {
  const { username, api_key, from, timeout_ms, outbound } = options
  const url = new URL(options.url)
  const path = `${url.pathname.replace(/\/+$/, '')}/version1/messaging`
  const pool = outbound.pool(url.origin, { connections: 8 })
  return {
    name: 'africas-talking',
    parseReceipt: readReceipt,
    close: pool.close,
    send: async ({ to, text }) => {
      const form = new URLSearchParams({ username, to, message: text, bulkSMSMode: '1' })
      if (from !== undefined) form.set('from', from)
      const answer = await pool.request({
        method: 'POST',
        path,
        headers: {
          apikey: api_key,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        },
        body: form.toString(),
        timeout_ms,
        max_bytes: MOST_BYTES,
      })
      return answer.kind === 'answer' ? readAnswer(answer.status, answer.body, to) : withoutAnswer(answer)
    },
  }
}

function readAnswer(status: number, body: Buffer, to: string): SmsAnswer {
  if (status === 401 || status === 403) return unsent('the credentials are refused', true)
  if (status === 400) return refused('REFUSED')
  if (status === 429) return unsent('too fast')
  if (status !== 200 && status !== 201) return unknown(`answered ${status}`)
  const data = asObject(parseObject(body)?.['SMSMessageData'])
  const recipients = data?.['Recipients']
  if (!Array.isArray(recipients)) return unknown(`an answer that cannot be read (${status})`)
  if (recipients.length === 0) return withoutRecipient(data?.['Message'])
  const [first, ...others] = recipients.map(asObject)
  // We asked for one number: an answer about others tells nothing about it.
  if (first === undefined || others.length > 0 || first['number'] !== to)
    return unknown('an answer about another number')
  return ofRecipient(first)
}

/** With no recipient at all, `Message` says why nothing was taken. */
function withoutRecipient(message: unknown): SmsAnswer {
  if (message === 'InvalidSenderId') return unsent('the sender is refused', true)
  if (message === 'InsufficientBalance') return unsent('no balance', true)
  return unknown('no recipient in the answer')
}

/** The codes of one recipient (Africa's Talking, «SMS: sending: status codes»). */
function ofRecipient(recipient: Json): SmsAnswer {
  const code = Number(recipient['statusCode'])
  switch (code) {
    case 100: // processed
    case 101: // sent
    case 102: {
      // queued
      const provider_id = asId(recipient['messageId'])
      return provider_id === undefined || provider_id === 'None'
        ? { kind: 'accepted' }
        : { kind: 'accepted', provider_id }
    }
    case 401: // held by their fraud check
      return unsent('held as a risk', true)
    case 402:
      return unsent('the sender is refused', true)
    case 405:
      return unsent('no balance', true)
    case 403: // not a phone number
    case 404: // a kind of number that they do not serve
    case 406: // the person asked for no messages
    case 407: // no route
    case 409: // do not disturb
    case 502: // the network refused it
      return refused(String(code))
    default:
      return unknown(Number.isInteger(code) ? `code ${code}` : 'a code that cannot be read')
  }
}

const receiptStatus: Readonly<Record<string, SmsReceipt['status']>> = {
  Success: 'DELIVERED',
  Sent: 'ON_ITS_WAY',
  Submitted: 'ON_ITS_WAY',
  Buffered: 'ON_ITS_WAY',
  Rejected: 'NOT_DELIVERED',
  Failed: 'NOT_DELIVERED',
}

/** A form: id, status, phoneNumber, networkCode, failureReason, retryCount. */
function readReceipt(body: Buffer): SmsReceipt | undefined {
  const form = new URLSearchParams(body.toString('utf8'))
  const provider_id = asId(form.get('id'))
  const said = form.get('status')
  if (provider_id === undefined || said === null || !Object.hasOwn(receiptStatus, said)) return undefined
  return { provider_id, status: receiptStatus[said] ?? 'ON_ITS_WAY', said }
}
