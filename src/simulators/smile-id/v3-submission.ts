import { randomUUID } from 'node:crypto'
import type { Exchange } from '../http.ts'
import type { NewJob } from './jobs.ts'
import { readMultipart } from './multipart.ts'
import type { Part } from './multipart.ts'
import { imageOf } from './v1.ts'
import { readObject, textOf } from './world.ts'

const MOST_BYTES = 4_500_000

export type Submission =
  | { readonly job: Omit<NewJob, 'id' | 'version' | 'plan'> }
  /** A status, or the message of a 400. */
  | { readonly refused: number | string }

const missing = (field: string): Submission => ({
  refused: `Required field '${field}' is missing or invalid.`,
})

/** Reads the form of POST /v3/document_verification as its OpenAPI document says. */
export function readSubmission({ headers, body }: Exchange): Submission {
  const parts = readMultipart(String(headers['content-type']), body)
  if (parts === undefined) return { refused: 415 }
  if (body.length > MOST_BYTES) return { refused: 413 }
  const all = (name: string): readonly Part[] => parts.filter((part) => part.name === name)
  const text = (name: string): string => all(name)[0]?.bytes.toString() ?? ''
  const wrong = wrongImages(all)
  if (wrong !== undefined) return wrong
  if (!/^[A-Z]{2}$/.test(text('country'))) return missing('country')
  const consent = readObject(text('consent'))
  if (consent?.['granted'] !== true) return missing('consent.granted')
  if (Number.isNaN(Date.parse(textOf(consent['granted_at'])))) return missing('consent.granted_at')
  if (!/^[A-Z]{2}$/.test(textOf(consent['notice_language']))) return missing('consent.notice_language')
  if (!URL.canParse(textOf(consent['notice_privacy_policy_url'])))
    return missing('consent.notice_privacy_policy_url')
  const person = readObject(text('user_details'))
  const [first_name, last_name] = [textOf(person?.['given_names']), textOf(person?.['last_name'])]
  if (first_name === '' || last_name === '') return missing('user_details')
  if (textOf(person?.['email']) === '' && !/^\+[1-9]\d{6,14}$/.test(textOf(person?.['phone_number'])))
    return { refused: 'Either email or phone_number is required.' }
  const partner_params = readObject(text('partner_params')) ?? {}
  if (Object.values(partner_params).some((value) => typeof value !== 'string'))
    return missing('partner_params')
  const named = String(headers['user-id'] ?? '')
  return {
    job: {
      job_id: textOf(partner_params['job_id']),
      user_id: named === '' ? `user_${randomUUID()}` : named,
      callback_url: text('callback_url') || null,
      first_name,
      last_name,
      partner_params,
      country: text('country'),
      id_type: text('id_type') || null,
      images: parts
        .filter(({ name }) => FILES.includes(name))
        .map(({ name, type, bytes }) => imageOf(name, type, bytes)),
    },
  }
}

const FILES = ['selfie_image', 'liveness_images', 'document', 'document_back']

function wrongImages(all: (name: string) => readonly Part[]): Submission | undefined {
  const [selfie, document, back] = ['selfie_image', 'document', 'document_back'].map((name) => all(name)[0])
  const liveness = all('liveness_images')
  if (selfie?.type !== 'image/jpeg') return missing('selfie_image')
  if (liveness.length < 6) return { refused: 'liveness_images must contain at least 6 images.' }
  if (liveness.length > 8) return { refused: 'liveness_images must contain at most 8 images.' }
  if (liveness.some(({ type }) => type !== 'image/jpeg')) return missing('liveness_images')
  if (document === undefined) return missing('document')
  if ([document, back].some((part) => part !== undefined && !/^image\/(jpeg|png)$/.test(part.type)))
    return { refused: 'Document image must be JPEG or PNG.' }
  return undefined
}
