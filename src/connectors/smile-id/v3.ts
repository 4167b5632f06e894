import type { OutboundAnswer, OutboundCall, OutboundPool } from '../../platform/outbound.ts'
import type {
  AskedJob,
  CallbackHeaders,
  CallbackHint,
  CheckJob,
  CheckState,
  IdentityCheck,
  Submitted,
} from '../identity-check.ts'
import type { SmileIdOptions } from './options.ts'
import { asCode, asId, asObject, MOST_BYTES, notAsked, notSubmitted, objectOf } from './shape.ts'
import { parseObject, readRefusal, unknown } from './shape.ts'
import { isFresh, isSigned } from './signature.ts'
import type { Credentials } from './signature.ts'
import { formOf } from './v3-form.ts'
import { openTokens } from './v3-token.ts'
import type { NoToken, Tokens } from './v3-token.ts'
import { meaningOfStatus } from './verdicts.ts'

/** What the provider reads of one form (413 above). */
const MOST_FORM_BYTES = 4_500_000
const LEAST_LIVENESS = 6
const MOST_LIVENESS = 8

/**
 * Smile ID, third version of its API: POST /v3/document_verification under a token, GET /v3/status/{job}. Jobs have ids of the
 * provider's only: one whose answer was lost is known from its callback, or never.
 */
export function openSmileIdV3(options: SmileIdOptions): IdentityCheck {
  const { partner_id, outbound, timeout_ms } = options
  const url = new URL(options.url)
  const base = url.pathname.replace(/\/+$/, '')
  const pool = outbound.pool(url.origin, { connections: 8 })
  const tokens = openTokens({ ...options, pool, base })
  const call = (path: string, more: Call): Promise<OutboundAnswer | NoToken> =>
    callWithToken(pool, tokens, {
      ...more,
      path: base + path,
      headers: {
        'smileid-partner-id': partner_id.replace(/^0+/, '').padStart(3, '0'),
        accept: 'application/json',
        ...more.headers,
      },
      timeout_ms,
      max_bytes: MOST_BYTES,
    })
  return {
    provider: 'smile-id-v3',
    submit: async (job) => {
      const lacking = lackingOf(job)
      if (lacking !== undefined) return { kind: 'refused', code: lacking, ours: true }
      const { content_type, body } = formOf(job)
      if (body.length > MOST_FORM_BYTES) return { kind: 'refused', code: 'IMAGES_TOO_LARGE', ours: false }
      const headers = { 'content-type': content_type, 'user-id': job.user_id }
      return readSubmitted(await call('/v3/document_verification', { method: 'POST', headers, body }), job)
    },
    ask: async (job) => {
      if (job.provider_job === null) return unknown('the provider has not said its own id of the job')
      const path = `/v3/status/${encodeURIComponent(job.provider_job)}`
      return readStatus(await call(path, { method: 'GET', headers: {} }), job)
    },
    readCallback: (body, headers, now) => readCallback(body, headers, { credentials: options, now }),
  }
}

/** A selfie, a document and a series of liveness, as many as the protocol takes: it refuses others, after the images went out. */
function lackingOf({ images }: CheckJob): string | undefined {
  const count = (kind: string): number => images.filter((image) => image.kind === kind).length
  if (count('SELFIE') !== 1 || count('ID_FRONT') !== 1 || count('ID_BACK') > 1) return 'IMAGES_MISSING'
  const liveness = count('LIVENESS')
  if (liveness < LEAST_LIVENESS || liveness > MOST_LIVENESS) return 'LIVENESS_IMAGES_MISSING'
  const faces = images.filter(({ kind }) => kind === 'SELFIE' || kind === 'LIVENESS')
  return faces.some(({ type }) => type !== 'image/jpeg') ? 'SELFIE_NOT_JPEG' : undefined
}

type Call = Pick<OutboundCall, 'method' | 'body'> & { readonly headers: Record<string, string> }
type WholeCall = Call & Pick<OutboundCall, 'timeout_ms' | 'max_bytes'> & { readonly path: string }

/** Twice at most: a token may be taken back before its time, and a call answered 401 has done nothing. */
async function callWithToken(
  pool: OutboundPool,
  tokens: Tokens,
  call: WholeCall,
): Promise<OutboundAnswer | NoToken> {
  for (let is_second = false; ; is_second = true) {
    const token = await tokens.get()
    if (token.kind !== 'token') return token
    const answer = await pool.request({
      ...call,
      headers: { ...call.headers, 'smileid-token': token.value },
    })
    const is_refused = answer.kind === 'answer' && answer.status === 401
    if (!is_refused || readRefusal(401, answer.body).kind !== 'refused') return answer
    tokens.drop(token.value)
    if (is_second) return answer
  }
}

function readSubmitted(answer: OutboundAnswer | NoToken, job: CheckJob): Submitted {
  if (answer.kind === 'refused') return answer
  if (answer.kind !== 'answer') return notSubmitted(answer)
  if (answer.status !== 202) return readRefusal(answer.status, answer.body)
  const root = parseObject(answer.body)
  const provider_job = asJob(root?.['job_id'])
  // Documented both as `Accepted` and as `accepted`.
  if (provider_job === undefined || String(root?.['status']).toLowerCase() !== 'accepted')
    return unknown('an answer that cannot be read (202)')
  if (root?.['user_id'] !== job.user_id) return unknown('an answer about another person')
  return { kind: 'accepted', provider_job }
}

/** A TypeID; only such a one is ever put into a path. */
const asJob = (value: unknown): string | undefined =>
  typeof value === 'string' && /^job_[0-9a-z]{26}$/.test(value) ? value : undefined

/** The word and the HTTP status must agree: 200 what is over, 202 what is not, 404 what is unknown. */
function readStatus(answer: OutboundAnswer | NoToken, asked: AskedJob): CheckState {
  if (answer.kind === 'refused') return unknown(`no token: ${answer.code}`)
  if (answer.kind !== 'answer') return notAsked(answer)
  const root = parseObject(answer.body)
  const status = asCode(root?.['status'])
  if (root === undefined || status === undefined || root['job_id'] !== asked.provider_job)
    return unknown(`an answer that cannot be read (${answer.status})`)
  if (answer.status === 404 && status === 'not_found') return { kind: 'not_found' }
  if (root['user_id'] !== asked.user_id) return unknown('an answer about another person')
  if (answer.status === 202 && status === 'processing') return { kind: 'pending' }
  if (answer.status !== 200 || status === 'processing' || status === 'not_found')
    return unknown(`an answer that contradicts itself (${answer.status})`)
  const told = asCode(root['reason'])
  const [outcome, reason] = meaningOfStatus(status, told, String(root['message']))
  return {
    kind: 'decided',
    verdict: {
      outcome,
      reason,
      code: told === undefined ? status : `${status}:${told}`,
      is_final: true,
      provider_job: asked.provider_job,
      document: { full_name: null, id_type: null, id_number: null, date_of_birth: null, expires_on: null },
    },
  }
}

/**
 * Signed in the headers Response-Signature and Response-Timestamp, by the rule of V1 and under the same key. One without them is
 * not read: then the job is asked about in its turn.
 */
function readCallback(
  body: unknown,
  headers: CallbackHeaders,
  { credentials, now }: { readonly credentials: Credentials; readonly now: Date },
): CallbackHint | undefined {
  const timestamp = headers['response-timestamp']
  if (!isSigned(credentials, timestamp, headers['response-signature'])) return undefined
  if (!isFresh(String(timestamp), now)) return undefined
  const root = objectOf(body)
  const job_id = asId(asObject(root?.['partner_params'])?.['job_id'])
  if (job_id === undefined) return undefined
  return { job_id, provider_job: asJob(root?.['job_id']) ?? asJob(headers['job-id']) ?? null }
}
