import { personName, type KycFacts } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import type { Tx } from '../platform/db.ts'
import { newId } from '../platform/ids.ts'
import { findCurrentConsent } from './consent.ts'
import { decide } from './decide.ts'
import { requiredDocuments, type DocumentType, type IdType } from './document.ts'
import type { Kyc } from './kyc.ts'
import { wakeCheck } from './news.ts'
import type { Case } from './sql/cases.ts'
import { readCase } from './sql/cases.ts'
import { findOpenCheck, insertCheck } from './sql/checks.ts'
import { listCurrent, type DocumentRow } from './sql/documents.ts'

/** What a person's file is made of, and what it lacks. */
export type Folder = {
  readonly id_type: IdType
  /** ISO 3166-1, two letters. */
  readonly country: string
  readonly required: readonly DocumentType[]
  /** Of the required ones, those that were sent for this round: after the last decision. */
  readonly fresh: readonly DocumentRow[]
  readonly lacks: readonly DocumentType[]
}

const DEFAULT_COUNTRY = 'CM'

/** Documents that were decided on count no more for the next round: they would get the same answer. */
export function folderOf(current: readonly DocumentRow[], { decided_at }: Pick<Case, 'decided_at'>): Folder {
  const front = current.find((one) => one.document_type === 'ID_FRONT')
  const id_type = front?.id_type ?? 'NATIONAL_ID'
  const country = front?.country ?? DEFAULT_COUNTRY
  const required = requiredDocuments(country, id_type)
  const fresh = current.filter(
    (one) => required.includes(one.document_type) && (decided_at === null || one.uploaded_at >= decided_at),
  )
  const lacks = required.filter((type) => !fresh.some((one) => one.document_type === type))
  return { id_type, country, required, fresh, lacks }
}

/** Whether a new round may begin: never for what is being looked at, and for VERIFIED only near its end. */
export async function roundOf(
  tx: Tx,
  person: KycFacts,
  { renew_days }: Pick<Kyc['rules'], 'renew_days'>,
): Promise<'open' | 'in_progress' | 'verified'> {
  if (person.kyc_status === 'SUBMITTED' || person.kyc_status === 'UNDER_REVIEW') return 'in_progress'
  if ((await findOpenCheck(tx, person.id)) !== undefined) return 'in_progress'
  if (person.kyc_status !== 'VERIFIED') return 'open'
  const { review_since } = await readCase(tx, person.id)
  if (review_since !== null) return 'in_progress'
  const { kyc_expires_at } = person
  if (kyc_expires_at === null) return 'verified'
  const left_ms = kyc_expires_at.getTime() - (await tx.now()).getTime()
  return left_ms <= renew_days * 86_400_000 ? 'open' : 'verified'
}

/**
 * Where everything is there, the file goes on: to the provider, by a row that is committed with this transaction, or to people where
 * there is no provider or it reads no PDF. The person's row is locked by the caller. Answers whether it went on.
 */
export async function submitIfComplete(tx: Tx, kyc: Kyc, person: KycFacts): Promise<boolean> {
  if ((await roundOf(tx, person, kyc.rules)) !== 'open') return false
  const folder = folderOf(await listCurrent(tx, person.id), await readCase(tx, person.id))
  const consent = await findCurrentConsent(tx, person.id)
  if (folder.lacks.length > 0 || consent === undefined) return false
  const by = personName(person.id)
  const is_for_provider = kyc.has_provider && folder.fresh.every((one) => one.media_type === 'image/jpeg')
  if (!is_for_provider) {
    await decide(tx, person, { event: 'HAND_OVER', by })
    return true
  }
  const id = await prepareCheck(tx, {
    person_id: person.id,
    country: folder.country,
    id_type: folder.id_type,
    consent_id: consent.id,
    document_ids: folder.fresh.map((one) => one.id),
  })
  await decide(tx, person, { event: 'COMPLETE', by, check_id: id })
  return true
}

type Intent = Omit<Parameters<typeof insertCheck>[1], 'id' | 'replaces' | 'attempt' | 'after_s'>

/** Writes the intent to ask the provider. `replaces` is the check whose place it takes. */
export async function prepareCheck(
  tx: Tx,
  intent: Intent,
  {
    replaces,
    after_s,
  }: { readonly replaces?: { readonly id: string; readonly attempt: number }; readonly after_s: number } = {
    after_s: 0,
  },
): Promise<string> {
  const id = newId('chk-', await tx.now())
  const attempt = (replaces?.attempt ?? 0) + 1
  await insertCheck(tx, { ...intent, id, replaces: replaces?.id ?? null, attempt, after_s })
  const subject = personName(intent.person_id)
  await record(tx, { actor: 'kyc', action: 'kyc.check.prepared', subject, detail: { check_id: id, attempt } })
  await wakeCheck(tx, id)
  return id
}
