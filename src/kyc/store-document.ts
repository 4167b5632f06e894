import { lockKycFacts, personName, type KycFacts } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import { openEnvelope, sealEnvelope, type Place } from '../platform/crypto/envelope.ts'
import type { Db, Tx } from '../platform/db.ts'
import type { CleanDocument } from '../platform/documents/clean.ts'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { parsePhone } from '../platform/phone.ts'
import { isChecked, warningsOf, type DocumentType, type IdType } from './document.ts'
import type { Kyc } from './kyc.ts'
import * as q from './sql/documents.ts'
import { roundOf, submitIfComplete } from './submit.ts'

/** A document as a person sends it, already made harmless. */
export type SentDocument = {
  readonly person_id: bigint
  readonly document_type: DocumentType
  readonly id_type: IdType | undefined
  readonly country: string | undefined
  readonly file_name: string | null
  readonly sent_bytes: number
  readonly clean: CleanDocument
}

export const fileNameOf = (id: string): string => `kyc/${id}`
export const placeOf = (id: string): Place => ({ table: 'kyc_documents', column: 'file', row: id })

/**
 * Whether the person may send this document now, asked before the bytes are looked at and again when they are kept. Refuses
 * KYC_IN_PROGRESS, KYC_VERIFIED_ALREADY and TOO_MANY_REQUESTS.
 */
export async function assertMaySend(
  tx: Tx,
  { rules }: Pick<Kyc, 'rules'>,
  { person_id, document_type }: Pick<SentDocument, 'person_id' | 'document_type'>,
): Promise<KycFacts> {
  const person = await lockKycFacts(tx, person_id)
  if (person === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  if ((await q.countSince(tx, person_id, 24)) >= rules.documents_per_day)
    throw new Refusal('TOO_MANY_REQUESTS', { retry_after_s: 3_600 })
  if (!isChecked(document_type)) return person
  const round = await roundOf(tx, person, rules)
  if (round === 'in_progress') throw new Refusal('KYC_IN_PROGRESS')
  if (round === 'open') return person
  // A file that was verified without it may still be completed; what is there is not replaced.
  const current = await q.listCurrent(tx, person_id)
  if (current.some((one) => one.document_type === document_type)) throw verifiedAlready(rules.renew_days)
  return person
}

const verifiedAlready = (days: number): Refusal =>
  new Refusal('KYC_VERIFIED_ALREADY', {
    detail: {
      en: `New documents are taken from ${days} days before the proof expires.`,
      fr: `De nouvelles pièces sont acceptées à partir de ${days} jours avant l’expiration de la preuve.`,
    },
  })

/**
 * Keeps a document: sealed bytes first, then the row, which is the truth. Where the file is complete with it, it goes on in the same
 * transaction. Refuses like `assertMaySend`.
 */
export async function storeDocument(db: Db, kyc: Kyc, sent: SentDocument): Promise<q.DocumentRow> {
  const { clean, person_id, document_type } = sent
  const id = newId('doc-')
  const sealed = sealEnvelope(kyc.ring, placeOf(id), clean.bytes)
  await kyc.files.put(fileNameOf(id), sealed.bytes)
  const keep = async (tx: Tx): Promise<q.DocumentRow> => {
    const person = await assertMaySend(tx, kyc, sent)
    await q.supersede(tx, person_id, document_type)
    const { key_version, wrapped_key } = sealed
    await q.insertDocument(tx, { ...rowOf(id, sent, person), key_version, wrapped_key })
    const name = personName(person_id)
    const detail = { document_id: id, document_type }
    await record(tx, { actor: name, action: 'kyc.document.uploaded', subject: name, detail })
    await submitIfComplete(tx, kyc, person)
    return read(tx, id)
  }
  try {
    return await db.tx(keep, { reread: (again) => q.findDocument(again, id) })
  } catch (error) {
    // Refused means rolled back, so no row names the file. After any other trouble the sweep finds out.
    if (error instanceof Refusal) await kyc.files.remove(fileNameOf(id))
    throw error
  }
}

function rowOf(
  id: string,
  sent: SentDocument,
  person: KycFacts,
): Omit<q.NewDocument, 'key_version' | 'wrapped_key'> {
  const { clean, document_type } = sent
  const front = document_type === 'ID_FRONT'
  const id_type = front ? (sent.id_type ?? 'NATIONAL_ID') : null
  const [width, height] = clean.type === 'image/jpeg' ? [clean.width, clean.height] : [null, null]
  return {
    id,
    person_id: sent.person_id,
    document_type,
    id_type,
    country: front ? (sent.country ?? person.address_country ?? countryOf(person)) : null,
    media_type: clean.type,
    bytes: clean.bytes.length,
    width,
    height,
    file_name: sent.file_name,
    warnings: warningsOf({ ...sent, id_type, type: clean.type, width, height }),
  }
}

/** A person's country, by his number; Cameroon where it tells none. */
const countryOf = ({ phone_number }: Pick<KycFacts, 'phone_number'>): string =>
  parsePhone(phone_number).country ?? 'CM'

async function read(tx: Tx, id: string): Promise<q.DocumentRow> {
  const row = await q.findDocument(tx, id)
  if (row === undefined) throw new Error(`${id} was just written`)
  return row
}

export type OpenedDocument = { readonly row: q.DocumentRow; readonly bytes: Buffer }

/**
 * Opens a document for somebody who may see it; the trail keeps who did. An erased one does not exist. Undefined for one that is
 * another person's, unless `any`.
 */
export async function readDocument(
  db: Db,
  kyc: Kyc,
  asked: {
    readonly id: string
    readonly by: bigint
    readonly any: boolean
    readonly why?: string | undefined
  },
): Promise<OpenedDocument | undefined> {
  const row = await db.tx(async (tx) => {
    const found = await q.findDocument(tx, asked.id)
    if (found === undefined || found.erased_at !== null) return undefined
    if (found.person_id !== asked.by && !asked.any) return undefined
    await record(tx, {
      actor: personName(asked.by),
      action: 'kyc.document.read',
      subject: personName(found.person_id),
      detail: { document_id: found.id, ...(asked.why === undefined ? {} : { why: asked.why }) },
    })
    return found
  })
  return row && { row, bytes: await openDocument(kyc, row) }
}

type Kept = q.DocumentRow & { readonly key_version: string | null; readonly wrapped_key: Buffer | null }

/** The document's bytes. A rotation may change the wrapped key meanwhile; the one that was read still opens it. */
export async function openDocument({ ring, files }: Pick<Kyc, 'ring' | 'files'>, row: Kept): Promise<Buffer> {
  const { id, key_version, wrapped_key } = row
  if (key_version === null || wrapped_key === null) throw new Error(`${id} is erased`)
  const bytes = await files.get(fileNameOf(id))
  if (bytes === undefined) throw new Error(`the file of ${id} is missing from the store`)
  return openEnvelope(ring, placeOf(id), { key_version, wrapped_key, bytes })
}
