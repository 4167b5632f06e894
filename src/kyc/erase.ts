import { erasePerson, lockKycFacts, personName, type KycFacts } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import * as outbox from '../platform/outbox.ts'
import { nextCheckState } from './check-state.ts'
import type { Kyc } from './kyc.ts'
import type { KycOutboxKind } from './news.ts'
import { readCase } from './sql/cases.ts'
import { findCheck, findOpenCheck, giveUp } from './sql/checks.ts'
import * as q from './sql/privacy.ts'
import { lastUsage } from './sql/usage.ts'

/** A person asks to be forgotten. Refuses ERASURE_REQUESTED_ALREADY. */
export const requestErasure = (db: Db, person_id: bigint): Promise<q.Erasure> =>
  db.tx(async (tx) => {
    await lockKycFacts(tx, person_id)
    const waiting = await q.listErasuresOf(tx, person_id)
    if (waiting.length > 0) throw new Refusal('ERASURE_REQUESTED_ALREADY')
    const erasure = await q.insertErasure(tx, person_id)
    const name = personName(person_id)
    await record(tx, { actor: name, action: 'privacy.erasure.requested', subject: name })
    return erasure
  })

export type ErasureDecision = {
  readonly id: bigint
  readonly admin_id: bigint
  readonly action: 'approve' | 'reject'
  readonly reason: string | undefined
}

/**
 * An administrator decides about a request. Approved, everything that names the person goes in one transaction; the files follow, and
 * without their keys they are noise already. Done twice it stays done. Refuses ERASURE_NOT_FOUND, KYC_OWN_FILE, LEGAL_HOLD and
 * RETENTION_REQUIRED (with the day from which it is possible).
 */
export const decideErasure = (
  db: Db,
  { rules }: Pick<Kyc, 'rules'>,
  said: ErasureDecision,
): Promise<q.Erasure> =>
  db.tx(async (tx) => {
    const found = await q.findErasure(tx, said.id)
    // The person first, as everywhere; the request's row was read for his number only.
    const person = found && (await lockKycFacts(tx, found.person_id))
    const erasure = await q.lockErasure(tx, said.id)
    if (person === undefined || erasure === undefined) throw new Refusal('ERASURE_NOT_FOUND')
    if (person.id === said.admin_id) throw new Refusal('KYC_OWN_FILE')
    if (erasure.state !== 'REQUESTED') return erasure
    const by = said.admin_id
    const [actor, subject] = [personName(by), personName(person.id)]
    if (said.action === 'reject') {
      await record(tx, { actor, action: 'privacy.erasure.refused', subject })
      return q.endErasure(tx, said.id, { state: 'REFUSED', by, reason: said.reason ?? null })
    }
    await assertMayErase(tx, rules, person)
    await eraseAll(tx, actor, person.id)
    return q.endErasure(tx, said.id, { state: 'DONE', by, reason: said.reason ?? null })
  })

async function assertMayErase(tx: Tx, rules: Kyc['rules'], person: KycFacts): Promise<void> {
  const hold = await q.findHold(tx, person.id)
  if (hold !== undefined) throw new Refusal('LEGAL_HOLD', { members: { reason: hold.reason } })
  const until = await keptUntil(tx, rules, person)
  if (until === undefined || until <= (await tx.now())) return
  const day = until.toISOString().slice(0, 10)
  throw new Refusal('RETENTION_REQUIRED', {
    detail: { en: `Possible from ${day}.`, fr: `Possible à partir du ${day}.` },
    members: { until: day },
  })
}

/** Until when the law wants the documents of somebody who was ever verified: so long after the last operation. */
export async function keptUntil(
  tx: Tx,
  { verified_kept_years }: Pick<Kyc['rules'], 'verified_kept_years'>,
  { id, kyc_verified_at }: Pick<KycFacts, 'id' | 'kyc_verified_at'>,
): Promise<Date | undefined> {
  if (kyc_verified_at === null) return undefined
  const { decided_at } = await readCase(tx, id)
  const { at } = await lastUsage(tx, id)
  const last = Math.max(kyc_verified_at.getTime(), decided_at?.getTime() ?? 0, at?.getTime() ?? 0)
  const until = new Date(last)
  until.setUTCFullYear(until.getUTCFullYear() + verified_kept_years)
  return until
}

async function eraseAll(tx: Tx, actor: string, person_id: bigint): Promise<void> {
  const open = await findOpenCheck(tx, person_id)
  const check = open && (await findCheck(tx, open.id))
  if (check !== undefined && nextCheckState(check.state, 'DROPPED') === 'GIVEN_UP')
    await giveUp(tx, check.id, 'PERSON_GONE')
  const ids = await q.eraseDocuments(tx, person_id, null)
  await q.eraseFound(tx, person_id)
  await q.eraseNote(tx, person_id)
  await erasePerson(tx, actor, person_id)
  const detail = { documents: ids.length }
  await record(tx, { actor, action: 'privacy.erasure.done', subject: personName(person_id), detail })
  const told = { person_id: String(person_id) }
  await outbox.add<KycOutboxKind>(tx, 'kyc.erased', personName(person_id), told)
}

/** Sets a legal hold. Refuses PERSON_NOT_FOUND and LEGAL_HOLD_STANDS. */
export const setHold = (
  db: Db,
  hold: { readonly person_id: bigint; readonly reason: string; readonly set_by: bigint },
): Promise<q.Hold> =>
  db.tx(async (tx) => {
    const person = await lockKycFacts(tx, hold.person_id)
    if (person === undefined || person.erased_at !== null) throw new Refusal('PERSON_NOT_FOUND')
    if ((await q.findHold(tx, hold.person_id)) !== undefined) throw new Refusal('LEGAL_HOLD_STANDS')
    const set = await q.insertHold(tx, hold)
    const act = { actor: personName(hold.set_by), action: 'legal_hold.set', subject: personName(person.id) }
    await record(tx, { ...act, detail: { why: hold.reason } })
    return set
  })

/** Refuses LEGAL_HOLD_NOT_FOUND. */
export const endHold = (
  db: Db,
  said: { readonly person_id: bigint; readonly reason: string; readonly by: bigint },
): Promise<void> =>
  db.tx(async (tx) => {
    await lockKycFacts(tx, said.person_id)
    if ((await q.releaseHold(tx, said.person_id, said)) === 0) throw new Refusal('LEGAL_HOLD_NOT_FOUND')
    const act = {
      actor: personName(said.by),
      action: 'legal_hold.released',
      subject: personName(said.person_id),
    }
    await record(tx, { ...act, detail: { why: said.reason } })
  })
