import type { OutboundAnswer } from '../../platform/outbound.ts'
import type { AskedJob, CallbackHint, CheckState, IdentityCheck, Submitted } from '../identity-check.ts'
import type { SmileIdOptions } from './options.ts'
import { asCode, asId, asObject, MOST_BYTES, MOST_RESULT_BYTES, notAsked, notSubmitted } from './shape.ts'
import { objectOf, parseObject, readRefusal, unknown } from './shape.ts'
import type { Json } from './shape.ts'
import { isFresh, isSigned, signedNow } from './signature.ts'
import type { Credentials } from './signature.ts'
import { isUploadUrl } from './upload-url.ts'
import { archiveOf, DOCUMENT_VERIFICATION, preparationOf } from './v1-bodies.ts'
import { isProvisional, meaningOf } from './verdicts.ts'

/**
 * Smile ID, first version of its API: POST /v1/upload, a zip to where it says, POST /v1/job_status. Every job is a Document
 * Verification (type 6): a selfie against a document. Cameroon has no register of identities that could be asked.
 */
export function openSmileIdV1(options: SmileIdOptions): IdentityCheck {
  const url = new URL(options.url)
  const base = `${url.pathname.replace(/\/+$/, '')}/v1`
  const pool = options.outbound.pool(url.origin, { connections: 8 })
  const post = (path: string, body: object, max_bytes: number): Promise<OutboundAnswer> =>
    pool.request({
      method: 'POST',
      path: base + path,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      timeout_ms: options.timeout_ms,
      max_bytes,
    })
  return {
    provider: 'smile-id-v1',
    submit: async (job) => {
      const has = (kind: string): boolean => job.images.some((image) => image.kind === kind)
      if (!has('SELFIE') || !has('ID_FRONT')) return { kind: 'refused', code: 'IMAGES_MISSING', ours: true }
      const stamp = signedNow(options)
      const prepared = readPrepared(
        await post('/upload', preparationOf(job, options, stamp), MOST_BYTES),
        url,
      )
      if (prepared.kind !== 'prepared') return prepared
      const archive = archiveOf(job, { partner_id: options.partner_id, stamp, server: prepared.server })
      return upload(options, prepared, archive)
    },
    ask: async (job) => {
      const question = {
        user_id: job.user_id,
        job_id: job.job_id,
        partner_id: options.partner_id,
        image_links: false,
        history: false,
        ...signedNow(options),
      }
      return readStatus(await post('/job_status', question, MOST_RESULT_BYTES), job, options)
    },
    readCallback: (body, _headers, now) => readCallback(body, options, now),
  }
}

type Prepared = {
  readonly kind: 'prepared'
  readonly upload_url: string
  readonly smile_job_id: string
  /** The whole answer: the archive must repeat it. */
  readonly server: Json
}

function readPrepared(answer: OutboundAnswer, provider: URL): Prepared | Submitted {
  if (answer.kind !== 'answer') return notSubmitted(answer)
  if (answer.status !== 200) return readRefusal(answer.status, answer.body)
  const server = parseObject(answer.body)
  const smile_job_id = asId(server?.['smile_job_id'])
  const upload_url = server?.['upload_url']
  // 2202 is the code of success; older answers have none.
  if (server === undefined || smile_job_id === undefined || (server['code'] ?? '2202') !== '2202')
    return unknown('an answer that cannot be read (200)')
  if (!isUploadUrl(upload_url, provider)) return unknown('an address for images that is not the provider’s')
  return { kind: 'prepared', upload_url, smile_job_id, server }
}

/** The images go out once, to an address that may be another machine's: never to a private one. */
async function upload(
  { outbound, timeout_ms }: SmileIdOptions,
  { upload_url, smile_job_id }: Prepared,
  archive: Buffer,
): Promise<Submitted> {
  const answer = await outbound.request({
    url: upload_url,
    guard: 'public',
    method: 'PUT',
    headers: { 'content-type': 'application/zip' },
    body: archive,
    timeout_ms,
    max_bytes: MOST_BYTES,
  })
  if (answer.kind !== 'answer') return notSubmitted(answer)
  if (answer.status !== 200) return unknown(`the archive was answered ${answer.status}`)
  return { kind: 'accepted', provider_job: smile_job_id }
}

function readStatus(answer: OutboundAnswer, asked: AskedJob, credentials: Credentials): CheckState {
  if (answer.kind !== 'answer') return notAsked(answer)
  if (answer.status !== 200) return unknown(`answered ${answer.status}`)
  const root = parseObject(answer.body)
  if (root === undefined) return unknown('an answer that cannot be read (200)')
  if (!isSigned(credentials, root['timestamp'], root['signature']))
    return unknown('an answer with a wrong signature')
  const { job_complete } = root
  if (typeof job_complete !== 'boolean') return unknown('an answer that cannot be read (200)')
  const result = asObject(root['result'])
  if (result !== undefined) return readResult(result, asked, job_complete)
  if (job_complete) return unknown('complete, and without a result')
  return /^no zip/i.test(String(root['result'])) ? { kind: 'not_found' } : { kind: 'pending' }
}

function readResult(result: Json, asked: AskedJob, job_complete: boolean): CheckState {
  const of = asObject(result['PartnerParams'])
  if (of?.['job_id'] !== asked.job_id || of['user_id'] !== asked.user_id)
    return unknown('an answer about another job')
  const provider_job = asId(result['SmileJobID']) ?? null
  if (asked.provider_job !== null && provider_job !== asked.provider_job)
    return unknown('an answer about another job')
  const job_type = Number(of['job_type'])
  const code = asCode(result['ResultCode'])
  if (job_type !== DOCUMENT_VERIFICATION || code === undefined)
    return unknown('an answer that cannot be read (200)')
  const [outcome, reason] = meaningOf(job_type, code)
  return {
    kind: 'decided',
    verdict: {
      outcome,
      reason,
      code,
      is_final: job_complete && result['IsFinalResult'] !== 'false' && !isProvisional(job_type, code),
      provider_job,
      document: {
        full_name: asText(result['FullName']),
        id_type: asText(result['IDType']),
        id_number: asText(result['IDNumber']),
        date_of_birth: asDate(result['DOB']),
        expires_on: asDate(result['ExpirationDate']),
      },
    },
  }
}

/** What was read from a document, where it was read: `Not Available` is what the provider writes otherwise. */
const asText = (value: unknown): string | null =>
  typeof value === 'string' && /^[^\p{Cc}]{1,200}$/u.test(value) && !/^\s*(not available)?\s*$/i.test(value)
    ? value.trim()
    : null

/** `NaN-NaN-NaN` is what the provider writes for a date that it could not read. */
function asDate(value: unknown): string | null {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return null
  const at = new Date(`${value}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(value) ? value : null
}

function readCallback(body: unknown, credentials: Credentials, now: Date): CallbackHint | undefined {
  const root = objectOf(body)
  if (root === undefined || !isSigned(credentials, root['timestamp'], root['signature'])) return undefined
  if (!isFresh(String(root['timestamp']), now)) return undefined
  const job_id = asId(asObject(root['PartnerParams'])?.['job_id'])
  return job_id === undefined ? undefined : { job_id, provider_job: asId(root['SmileJobID']) ?? null }
}
