import { randomBytes } from 'node:crypto'
import type { CheckImage, CheckJob } from '../identity-check.ts'

type Part = {
  readonly name: string
  readonly type?: string
  readonly file?: string
  readonly value: Buffer | string
}

const fields: Readonly<Record<CheckImage['kind'], string>> = {
  SELFIE: 'selfie_image',
  LIVENESS: 'liveness_images',
  ID_FRONT: 'document',
  ID_BACK: 'document_back',
}

/** The form of POST /v3/document_verification: objects are JSON parts, each image is a file, liveness a field repeated. */
export function formOf(job: CheckJob): { readonly content_type: string; readonly body: Buffer } {
  const json = (name: string, value: object): Part => ({
    name,
    type: 'application/json',
    value: JSON.stringify(value),
  })
  const { consent } = job
  const parts: Part[] = [
    { name: 'country', value: job.country },
    ...(job.id_type === null ? [] : [{ name: 'id_type', value: job.id_type }]),
    { name: 'callback_url', value: job.callback_url },
    json('user_details', {
      given_names: job.first_name,
      last_name: job.last_name,
      phone_number: job.phone_number,
    }),
    json('consent', {
      granted: true,
      granted_at: consent.granted_at.toISOString(),
      notice_language: consent.language.toUpperCase(),
      notice_privacy_policy_url: consent.policy_url,
    }),
    // Comes back in the callback: the only way to a job whose answer was lost.
    json('partner_params', { job_id: job.job_id }),
    json('metadata', [{ name: 'consent_version', value: consent.version }]),
    ...job.images.map(({ kind, type, bytes }, i) => ({
      name: fields[kind],
      type,
      file: `${kind.toLowerCase()}-${i + 1}.${type === 'image/png' ? 'png' : 'jpg'}`,
      value: bytes,
    })),
  ]
  return encode(parts, `----cauri${randomBytes(16).toString('hex')}`)
}

/** RFC 7578. The boundary is of 128 random bits: no image holds it. */
function encode(
  parts: readonly Part[],
  boundary: string,
): { readonly content_type: string; readonly body: Buffer } {
  const chunks = parts.flatMap(({ name, type, file, value }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"` +
        (file === undefined ? '' : `; filename="${file}"`) +
        (type === undefined ? '' : `\r\nContent-Type: ${type}`) +
        '\r\n\r\n',
    ),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ])
  const body = Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)])
  return { content_type: `multipart/form-data; boundary=${boundary}`, body }
}
