import type { CheckImage, CheckJob } from '../connectors/identity-check.ts'
import { readKycFacts } from '../identity/index.ts'
import type { Db } from '../platform/db.ts'
import type { Kyc } from './kyc.ts'
import type { CheckRow } from './sql/checks.ts'
import { findConsentById } from './sql/consents.ts'
import { findDocument } from './sql/documents.ts'
import { openDocument } from './store-document.ts'

/** The images of a check, opened. Throws when the store cannot give one. */
export async function loadImages(
  db: Db,
  kyc: Pick<Kyc, 'ring' | 'files'>,
  { document_ids }: Pick<CheckRow, 'document_ids'>,
): Promise<readonly CheckImage[]> {
  const images: CheckImage[] = []
  for (const id of document_ids) {
    const row = await findDocument(db, id)
    if (row === undefined) throw new Error(`${id} is not there`)
    const { document_type: kind, media_type: type } = row
    if ((kind !== 'ID_FRONT' && kind !== 'ID_BACK' && kind !== 'SELFIE') || type !== 'image/jpeg')
      throw new Error(`${id} is no image for a check`)
    images.push({ kind, type, bytes: await openDocument(kyc, row) })
  }
  return images
}

/** What the provider is told of a person; undefined when he asked to be forgotten meanwhile. */
export async function jobOf(
  db: Db,
  { id, person_id, country, id_type, consent_id }: CheckRow,
  more: Pick<CheckJob, 'user_id' | 'images' | 'callback_url'> & { readonly policy_url: string },
): Promise<CheckJob | undefined> {
  const person = await readKycFacts(db, person_id)
  const consent = await findConsentById(db, consent_id)
  if (person === undefined || person.erased_at !== null || consent === undefined) return undefined
  const { first_name, last_name, phone_number } = person
  const { user_id, images, callback_url, policy_url } = more
  const { granted_at, language, version } = consent
  return {
    job_id: id,
    user_id,
    first_name,
    last_name,
    phone_number,
    country,
    id_type,
    consent: { granted_at, language, version, policy_url },
    images,
    callback_url,
  }
}
