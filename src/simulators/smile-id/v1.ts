import { hash } from 'node:crypto'
import { send } from '../http.ts'
import type { Exchange } from '../http.ts'
import { unusable } from './identities.ts'
import type { Image, NewJob, Prepared } from './jobs.ts'
import { API_KEY, isSignedByClient, stampAt } from './signature.ts'
import { strikeCall } from './strike.ts'
import type { Answer, Respond } from './strike.ts'
import { unzip } from './unzip.ts'
import { resultOf } from './v1-result.ts'
import { planOf, readObject, textOf } from './world.ts'
import type { Json, SmileIdWorld } from './world.ts'

/** How long an address for an archive is good. */
const UPLOAD_MS = 3_600_000

const refused = (status: number, code: string, error: string): Answer => ({ status, body: { error, code } })
const unauthorized = refused(401, '2205', 'You are not authorized to do that.')

/** POST /v1/upload prepares a job and says where its archive goes. */
export function postUpload(world: SmileIdWorld, exchange: Exchange): void {
  const asked = readObject(exchange.body)
  const params = asked?.['partner_params'] as Json | undefined
  const job_id = textOf(params?.['job_id'])
  const strike = world.faults.strikeSmileId('submit', job_id)
  const work = (respond: Respond): void => {
    if (asked === undefined) return respond(refused(400, '2201', 'The request is not JSON.'))
    if (!isSignedByClient({ ...asked, partner: asked['smile_client_id'] })) return respond(unauthorized)
    const user_id = textOf(params?.['user_id'])
    if (
      job_id === '' ||
      user_id === '' ||
      Number(params?.['job_type']) !== 6 ||
      asked['country'] === undefined
    )
      return respond(refused(400, '2213', 'partner_params or country is missing or invalid.'))
    const callback_url = textOf(asked['callback_url']) || null
    world.jobs.prepare({ job_id, user_id, callback_url, plan: planOf(strike) }, ({ id, upload }) => {
      const upload_url = `http://${exchange.headers.host}/smile-id/uploads/${upload}/selfie.zip`
      const body = { upload_url, ref_id: `ref-${id}`, smile_job_id: id, camera_config: null, code: '2202' }
      respond({ status: 200, body })
    })
  }
  strikeCall(strike, exchange, { clock: world.clock, work })
}

/** PUT of the archive: the store takes any bytes, as S3 does. What they are is seen when the job is done. */
export function putArchive(world: SmileIdWorld, exchange: Exchange, upload: string): void {
  const { res, body } = exchange
  const prepared = world.jobs.preparedAt(upload)
  const strike = world.faults.strikeSmileId('upload', prepared?.job_id ?? '')
  const denied = (): void => send(res, 403, 'application/xml', '<Error><Code>AccessDenied</Code></Error>')
  if (prepared === undefined || world.clock.now() > prepared.at + UPLOAD_MS) return denied()
  strikeCall(strike, exchange, {
    clock: world.clock,
    work: (respond) => {
      const done = (): void => respond({ status: 200, body: '' })
      if (world.jobs.find(prepared.id) !== undefined) return done()
      world.jobs.take(jobIn(body, prepared), done)
    },
  })
}

/** The job that an archive describes; one that describes none is refused as unusable, later. */
function jobIn(archive: Buffer, prepared: Prepared): NewJob {
  const { id, job_id, user_id, callback_url, plan } = prepared
  const read = readArchive(archive, prepared)
  const info = typeof read === 'string' ? {} : read.id_info
  return {
    id,
    version: 1,
    job_id,
    user_id,
    callback_url,
    plan,
    last_name: textOf(info['last_name']),
    first_name: textOf(info['first_name']),
    country: textOf(info['country']),
    id_type: textOf(info['id_type']) || null,
    partner_params: { job_id, user_id, job_type: 6 },
    images: typeof read === 'string' ? [] : read.images,
    ...(typeof read === 'string' ? { outcome: unusable(read) } : {}),
  }
}

function readArchive(
  archive: Buffer,
  { id, job_id, user_id }: Prepared,
): { readonly id_info: Json; readonly images: readonly Image[] } | string {
  const files = unzip(archive)
  if (typeof files === 'string') return files
  const info = readObject(files.get('info.json'))
  if (info === undefined) return 'info.json is missing'
  const about = info['misc_information'] as Json | undefined
  const params = about?.['partner_params'] as Json | undefined
  if (!isSignedByClient({ ...about, partner: about?.['smile_client_id'] }))
    return 'info.json: wrong signature'
  if (params?.['job_id'] !== job_id || params['user_id'] !== user_id) return 'info.json: another job'
  if ((info['server_information'] as Json | undefined)?.['smile_job_id'] !== id)
    return 'info.json: another preparation'
  const listed = Array.isArray(info['images']) ? (info['images'] as Json[]) : []
  const images: Image[] = []
  for (const image of listed) {
    const name = textOf(image['file_name'])
    const bytes = name === '' ? Buffer.from(textOf(image['image']), 'base64') : files.get(name)
    if (bytes === undefined || bytes.length === 0) return `image ${name} is missing`
    const type = name.endsWith('.png') ? 'image/png' : 'image/jpeg'
    images.push(imageOf(String(Number(image['image_type_id'])), type, bytes))
  }
  const has = (...kinds: string[]): boolean => images.some(({ kind }) => kinds.includes(kind))
  if (!has('0', '2')) return 'no selfie'
  if (!has('1', '3')) return 'no document'
  return { id_info: (info['id_info'] as Json | undefined) ?? {}, images }
}

export const imageOf = (kind: string, type: string, bytes: Buffer): Image => ({
  kind,
  type,
  bytes: bytes.length,
  sha256: hash('sha256', bytes),
})

/** POST /v1/job_status: what is said of the last job under the client's ids, signed. */
export function postJobStatus({ clock, faults, jobs }: SmileIdWorld, exchange: Exchange): void {
  const asked = readObject(exchange.body)
  const job_id = textOf(asked?.['job_id'])
  const strike = faults.strikeSmileId('status', job_id)
  const work = (respond: Respond): void => {
    if (asked === undefined || !isSignedByClient({ ...asked, partner: asked['partner_id'] }))
      return respond(unauthorized)
    const job = jobs.latest(job_id, textOf(asked['user_id']))
    const step = job === undefined ? undefined : jobs.said(job)
    const stamp = stampAt(clock.now(), strike?.kind === 'wrong_signature' ? 'not the key' : API_KEY)
    const say = (more: object): void => respond({ status: 200, body: { ...stamp, code: '2302', ...more } })
    if (job === undefined || strike?.kind === 'status_endpoint_lies')
      return say({ job_complete: false, job_success: false, result: 'No zip uploaded' })
    if (step === undefined)
      return say({ job_complete: false, job_success: false, result: 'Job is not complete' })
    const result = resultOf(strike?.kind === 'answer_of_another' ? { ...job, job_id: 'another' } : job, step)
    say({ job_complete: true, job_success: step.outcome.status === 'clear', result, history: [] })
  }
  strikeCall(strike, exchange, { clock, work })
}
