import { randomInt, timingSafeEqual } from 'node:crypto'
import { record } from '../audit/index.ts'
import type { Tx } from '../platform/db.ts'
import type { CodePurpose, Identity } from './identity.ts'
import { personName, type Person } from './person.ts'
import * as q from './sql/codes.ts'
import { lockPerson } from './sql/people.ts'

type Owner = Pick<Person, 'id' | 'phone_number'>

const ownerOf = ({ id, phone_number }: Owner, purpose: CodePurpose): q.CodeOwner => ({
  person_id: id,
  phone_number,
  purpose,
})

const hashOf = (
  { digest }: Identity,
  { person_id, phone_number, purpose }: q.CodeOwner,
  code: string,
): Buffer => digest('code', `${person_id}\0${phone_number}\0${purpose}\0${code}`)

/** Whether a code went out; otherwise in how many seconds the next one may. */
export type Sent = { readonly kind: 'sent' } | { readonly kind: 'too_many'; readonly wait_s: number }

/**
 * Makes a code of six digits and hands it over to be sent, in this transaction. Only the newest one counts. Three an hour
 * and five a day for a phone and purpose: above that nothing is sent, nor where messages have limits of their own.
 */
export async function sendCode(
  tx: Tx,
  identity: Identity,
  to: { readonly person: Owner & Pick<Person, 'preferred_language'>; readonly purpose: CodePurpose },
): Promise<Sent> {
  const { limits } = identity
  const owner = ownerOf(to.person, to.purpose)
  await lockPerson(tx, owner.person_id)
  const sent = await q.countSent(tx, owner)
  if (sent.in_day >= limits.codes_per_day) return tooMany(sent.day_wait_s)
  if (sent.in_hour >= limits.codes_per_hour) return tooMany(sent.hour_wait_s)
  const code = String(randomInt(1_000_000)).padStart(6, '0')
  const is_sent = await identity.sendCode(tx, {
    person_id: owner.person_id,
    phone: owner.phone_number,
    language: to.person.preferred_language,
    purpose: to.purpose,
    code,
    minutes: Math.floor(limits.code_s / 60),
  })
  if (!is_sent) return tooMany(HOUR_S)
  await q.insertCode(tx, { ...owner, code_hash: hashOf(identity, owner, code), lasts_s: limits.code_s })
  return { kind: 'sent' }
}

const HOUR_S = 3_600

const tooMany = (wait_s: number | null): Sent => ({
  kind: 'too_many',
  wait_s: Math.max(1, Math.ceil(wait_s ?? 1)),
})

/**
 * `wrong` is also a code that is too old, used, tried five times, or was never sent. `locked`: too many wrong ones in a
 * row. `paused`: everybody together was wrong too often this hour.
 */
export type Verdict = 'right' | 'wrong' | 'locked' | 'paused'

/**
 * Judges one guess and counts it, in a transaction that must be committed whatever the verdict. Guesses at one person come
 * one after the other behind his row's lock: a hundred at once are a hundred. A right code is used up.
 */
export async function checkCode(
  tx: Tx,
  identity: Identity,
  guess: { readonly person: Owner; readonly purpose: CodePurpose; readonly code: string },
): Promise<Verdict> {
  const { limits } = identity
  const owner = ownerOf(guess.person, guess.purpose)
  if ((await lockPerson(tx, owner.person_id)) === undefined) return 'wrong'
  if ((await q.readFailures(tx, owner)) >= limits.code_failures) return 'locked'
  const live = await q.findLiveCode(tx, owner, limits.code_tries)
  if (live === undefined) return 'wrong'
  if (!(await q.takeBudget(tx, limits.code_failures_per_hour))) return 'paused'
  await q.countCodeTry(tx, live.id)
  if (timingSafeEqual(live.code_hash, hashOf(identity, owner, guess.code))) {
    await q.giveBudgetBack(tx)
    await q.useCode(tx, live.id)
    await q.clearFailures(tx, owner)
    return 'right'
  }
  await q.countFailure(tx, owner)
  const name = personName(owner.person_id)
  await record(tx, { actor: name, action: 'code.wrong', subject: name, detail: { purpose: owner.purpose } })
  return 'wrong'
}

/** Another factor was right: wrong reset codes in a row are forgotten. Those of a phone that is not verified are not. */
export const forgiveResetCodes = (tx: Tx, person_id: bigint): Promise<number> =>
  q.clearFailures(tx, { person_id, purpose: 'RESET_PASSWORD' })
