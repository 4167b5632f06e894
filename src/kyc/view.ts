import { z } from 'zod'
import { kycStates, type KycFacts } from '../identity/index.ts'
import type { Language } from '../platform/http/language.ts'
import { currentConsent } from './consent.ts'
import { documentTypes, documentWarnings, idTypes } from './document.ts'
import { isKycReason, kycReasons } from './reasons.ts'
import type { Case } from './sql/cases.ts'
import type { ConsentRow } from './sql/consents.ts'
import type { DocumentRow } from './sql/documents.ts'
import type { Folder } from './submit.ts'

const date = z.iso.datetime().nullable()
const type = z.enum(documentTypes)

export const documentSchema = z
  .object({
    id: z.string(),
    document_type: type,
    id_type: z.enum(idTypes).nullable().describe('of ID_FRONT'),
    country: z.string().nullable().describe('of ID_FRONT; ISO 3166-1, two letters'),
    media_type: z
      .enum(['image/jpeg', 'application/pdf'])
      .describe('as it is kept: pictures are made anew as JPEG'),
    bytes: z.int(),
    width: z.int().nullable(),
    height: z.int().nullable(),
    file_name: z.string().nullable(),
    uploaded_at: z.iso.datetime(),
    warnings: z.array(
      z.object({ code: z.enum(['PHOTO_SMALL', 'PHOTO_LIGHT', 'PDF_FOR_PEOPLE']), text: z.string() }),
    ),
    content: z.string().describe('where its bytes are'),
  })
  .meta({ id: 'KycDocument' })

export const documentView = (row: DocumentRow, language: Language): z.output<typeof documentSchema> => ({
  id: row.id,
  document_type: row.document_type,
  id_type: row.id_type,
  country: row.country,
  media_type: row.media_type,
  bytes: row.bytes,
  width: row.width,
  height: row.height,
  file_name: row.file_name,
  uploaded_at: row.uploaded_at.toISOString(),
  warnings: row.warnings.map((code) => ({ code, text: documentWarnings[code][language] })),
  content: `/api/auth/kyc/documents/${row.id}/content`,
})

export const statusSchema = z
  .object({
    kyc_status: z.enum(kycStates),
    submitted_at: date,
    decided_at: date,
    verified_at: date.describe('when the proof began that stands, or that has expired'),
    expires_at: date.describe('when that proof ends; null: it has no end'),
    reason_code: z.string().nullable(),
    reason: z
      .string()
      .nullable()
      .describe('a sentence in the caller’s language, with what an administrator wrote'),
    required_documents: z.array(type),
    uploaded_documents: z.array(type).describe('of any type, as they stand'),
    missing_documents: z.array(type).describe('required, and not sent since the last decision'),
    consent: z.object({
      version: z.string().describe('of the text that counts'),
      granted_at: date.describe('null: not granted yet, and nothing is passed to the provider'),
    }),
    next_step: z.enum(['SEND_DOCUMENTS', 'CONSENT', 'WAIT', 'NOTHING']).describe('what the person has to do'),
    documents: z.array(documentSchema),
  })
  .meta({ id: 'KycStatus' })

export type StatusFacts = {
  readonly person: KycFacts
  readonly file: Case
  readonly folder: Folder
  readonly consent: ConsentRow | undefined
  readonly documents: readonly DocumentRow[]
  readonly round: 'open' | 'in_progress' | 'verified'
}

export function statusView(facts: StatusFacts, language: Language): z.output<typeof statusSchema> {
  const { person, file, folder, consent, documents } = facts
  const proven = person.kyc_status === 'VERIFIED' || person.kyc_status === 'EXPIRED'
  return {
    kyc_status: person.kyc_status,
    submitted_at: file.submitted_at?.toISOString() ?? null,
    decided_at: file.decided_at?.toISOString() ?? null,
    verified_at: proven ? (person.kyc_verified_at?.toISOString() ?? null) : null,
    expires_at: proven ? (person.kyc_expires_at?.toISOString() ?? null) : null,
    reason_code: file.reason,
    reason: reasonText(file, language),
    required_documents: [...folder.required],
    uploaded_documents: documents.map((one) => one.document_type),
    missing_documents: facts.round === 'open' ? [...folder.lacks] : [],
    consent: {
      version: currentConsent(language).version,
      granted_at: consent?.granted_at.toISOString() ?? null,
    },
    next_step: nextStep(facts),
    documents: documents.map((one) => documentView(one, language)),
  }
}

/** Our sentence, and what an administrator wrote to it. */
export function reasonText(
  { reason, note }: Pick<Case, 'reason' | 'note'>,
  language: Language,
): string | null {
  const sentence = reason !== null && isKycReason(reason) ? kycReasons[reason][language] : undefined
  const said = [sentence, reason === null ? undefined : (note ?? undefined)].filter(
    (part) => part !== undefined,
  )
  return said.length === 0 ? null : said.join(' ')
}

function nextStep({
  round,
  folder,
  consent,
}: StatusFacts): 'SEND_DOCUMENTS' | 'CONSENT' | 'WAIT' | 'NOTHING' {
  if (round === 'in_progress') return 'WAIT'
  if (round === 'verified') return 'NOTHING'
  return folder.lacks.length === 0 && consent === undefined ? 'CONSENT' : 'SEND_DOCUMENTS'
}
