import { findBulk } from './bulk/index.ts'
import { findPerson, listMemberships, listReached, personIn, type Reached } from './identity/index.ts'
import { kycReasons, type KycNews } from './kyc/index.ts'
import { notify, type Recipient } from './notifications/index.ts'
import { countReviews } from './payments/index.ts'
import type { Db, Tx } from './platform/db.ts'
import { unreachable } from './platform/errors.ts'
import { toJson } from './platform/money.ts'
import type { OutboxRow } from './platform/outbox.ts'

/** Where somebody is reached, in his language. */
const recipientOf = ({ person_id, phone_number: phone, language, email }: Reached): Recipient => ({
  person_id,
  phone,
  language,
  ...(email === null ? {} : { email }),
})

/** Tells a person what became of his file, in his language, wherever he can be reached. */
export async function tellKycNews(tx: Tx, { kind, person_id, reason }: KycNews): Promise<void> {
  const person = await findPerson(tx, BigInt(person_id))
  if (person === undefined || !person.is_active) return
  const to = recipientOf({ ...person, person_id: person.id, language: person.preferred_language })
  const sentence = reason === null ? null : kycReasons[reason][to.language]
  switch (kind) {
    case 'kyc_verified':
    case 'kyc_expired':
      await notify(tx, to, { kind, news: {} })
      return
    case 'kyc_rejected':
    case 'kyc_resubmit':
      await notify(tx, to, { kind, news: { reason: sentence } })
      return
    default:
      unreachable(kind)
  }
}

/** Tells the approvers of an organisation that a batch waits for them; not those who made it. */
export async function askApprovers(tx: Tx, row: OutboxRow): Promise<void> {
  const asked = row.payload as { readonly organization_id: string; readonly not_to: readonly string[] }
  const organization_id = BigInt(asked.organization_id)
  const bulk = await findBulk(tx, organization_id, row.subject)
  if (bulk?.awaiting_approval !== true) return // somebody was faster than the message
  const { organization, total, total_amount, currency } = bulk
  const news = { organization, total, amount: toJson(total_amount), currency }
  for (const one of await listReached(tx, organization_id, 'APPROBATEUR'))
    if (!asked.not_to.includes(String(one.person_id)))
      await notify(tx, recipientOf(one), { kind: 'approval_needed', news })
}

/** Tells who made a batch that every line of it has its end: a person, and only while he is a member. */
export async function tellMaker(tx: Tx, row: OutboxRow): Promise<void> {
  const { organization_id } = row.payload as { readonly organization_id: string }
  const bulk = await findBulk(tx, BigInt(organization_id), row.subject)
  const person_id = bulk === undefined ? undefined : personIn(bulk.created_by)
  if (bulk === undefined || person_id === undefined) return
  const person = await findPerson(tx, person_id)
  if (person === undefined || !person.is_active) return
  const memberships = await listMemberships(tx, person_id)
  if (!memberships.some((one) => one.organization_id === bulk.organization_id)) return
  const { bulk_id, total, completed, failed, cancelled } = bulk
  const to = recipientOf({ ...person, person_id, language: person.preferred_language })
  await notify(tx, to, { kind: 'batch_finished', news: { bulk_id, total, completed, failed, cancelled } })
}

/** Reminds those who settle what failed of the lines that wait for a decision; once a day, as long as there are some. */
export async function remindReviewers(db: Db): Promise<void> {
  for (const { organization_id, organization, waiting } of await countReviews(db))
    await db.tx(async (tx) => {
      for (const one of await listReached(tx, organization_id, 'GESTIONNAIRE'))
        await notify(tx, recipientOf(one), { kind: 'review_needed', news: { organization, waiting } })
    })
}
