import { lockKycFacts, personName, type KycFacts, type KycStatus } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { decide } from './decide.ts'
import type { Kyc } from './kyc.ts'
import { endOfProof } from './proof.ts'
import { putCase, readCase } from './sql/cases.ts'
import { hasDocument } from './sql/documents.ts'

export type Review = {
  readonly person_id: bigint
  readonly admin_id: bigint
  readonly action: 'approve' | 'reject'
  /** Required for `reject`, and to approve somebody who sent no document. */
  readonly reason: string | undefined
}
export type Reviewed = { readonly kyc_status: KycStatus; readonly awaiting_second_approval: boolean }

/**
 * An administrator decides about a person's file. Where the provider had refused it, two of them must approve. Done twice it stays done.
 * Refuses PERSON_NOT_FOUND, KYC_OWN_FILE, KYC_DOCUMENTS_MISSING and KYC_SAME_PERSON.
 */
export const reviewFile = (db: Db, { rules }: Pick<Kyc, 'rules'>, review: Review): Promise<Reviewed> =>
  db.tx(async (tx) => {
    const person = await lockKycFacts(tx, review.person_id)
    if (person === undefined || person.erased_at !== null) throw new Refusal('PERSON_NOT_FOUND')
    if (person.id === review.admin_id) throw new Refusal('KYC_OWN_FILE')
    if (review.action === 'reject') return reject(tx, person, review)
    return approve(tx, person, { ...review, years: rules.verified_years })
  })

async function reject(tx: Tx, person: KycFacts, { admin_id, reason }: Review): Promise<Reviewed> {
  const { kyc_status } = person
  const by = personName(admin_id)
  const step = { event: 'REJECT', by, reason: 'REJECTED_BY_PEOPLE', note: reason } as const
  return { kyc_status: (await decide(tx, person, step)) ?? kyc_status, awaiting_second_approval: false }
}

async function approve(
  tx: Tx,
  person: KycFacts,
  { admin_id, reason, years }: Review & { readonly years: number },
): Promise<Reviewed> {
  const before = await readCase(tx, person.id)
  if (person.kyc_status === 'VERIFIED' && before.review_since === null)
    return { kyc_status: 'VERIFIED', awaiting_second_approval: false }
  if (reason === undefined && !(await hasDocument(tx, person.id))) throw nothingSent()
  const now = await tx.now()
  if (before.refused_by_provider && before.first_approval_by === null) {
    await putCase(tx, person.id, { ...before, first_approval_by: admin_id, first_approval_at: now })
    const act = { actor: personName(admin_id), action: 'kyc.approved.first', subject: personName(person.id) }
    await record(tx, act)
    return { kyc_status: person.kyc_status, awaiting_second_approval: true }
  }
  if (before.first_approval_by === admin_id) throw new Refusal('KYC_SAME_PERSON')
  const expires_at = endOfProof(now, years, before.document_expires_on)
  const step = { event: 'APPROVE', by: personName(admin_id), note: reason, expires_at } as const
  const to = await decide(tx, person, step)
  return { kyc_status: to ?? person.kyc_status, awaiting_second_approval: false }
}

const nothingSent = (): Refusal =>
  new Refusal('KYC_DOCUMENTS_MISSING', {
    detail: {
      en: 'The person has sent no document. If you have seen one yourself, say so in “reason”.',
      fr: 'La personne n’a envoyé aucune pièce. Si vous en avez vu une vous-même, dites-le dans « reason ».',
    },
  })
