import { randomBytes, timingSafeEqual } from 'node:crypto'
import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Identity } from './identity.ts'
import { personName } from './person.ts'
import * as q from './sql/second-factors.ts'
import { findAccountById } from './sql/people.ts'
import { forgetStepUps, markSteppedUp } from './sql/sessions.ts'
import { countLogin, countSecondFactor } from './throttle.ts'
import { seal, unsealWith } from './token/seal.ts'
import { base32, otpauthUrl, SECRET_BYTES, stepAt, totpAt } from './totp.ts'

const RECOVERY_CODES = 10
/** Twelve letters of base32: 60 bits each. */
const newRecoveryCode = (): string =>
  (base32(randomBytes(8)).slice(0, 12).toLowerCase().match(/.{4}/g) ?? []).join('-')
const hashOf = ({ digest }: Identity, person_id: bigint, code: string): Buffer =>
  digest('recovery code', `${person_id}\0${code}`)

export type Setup = { readonly secret: string; readonly otpauth_url: string }

/**
 * Makes a secret for an app, shown this once. It protects nothing before it is confirmed. Refuses PASSWORD_WRONG,
 * TOO_MANY_REQUESTS, SECOND_FACTOR_EXISTS.
 */
export async function setUpSecondFactor(
  db: Db,
  identity: Identity,
  by: { readonly person_id: bigint; readonly password: string; readonly address: string },
): Promise<Setup> {
  const phone = await assertPassword(db, identity, by)
  const secret = randomBytes(SECRET_BYTES)
  const name = personName(by.person_id)
  await db.tx(async (tx) => {
    if (!(await q.putFactor(tx, by.person_id, seal(identity.sealing_keys[0], name, secret))))
      throw new Refusal('SECOND_FACTOR_EXISTS')
    await record(tx, { actor: name, action: 'second_factor.set_up', subject: name })
  })
  return { secret: base32(secret), otpauth_url: otpauthUrl(secret, phone) }
}

/**
 * The app has the secret: from now on it is asked for at each sign-in, and for this one it counts as shown. Answers the recovery codes, shown this once. Refuses
 * SECOND_FACTOR_INVALID, TOO_MANY_REQUESTS.
 */
export async function confirmSecondFactor(
  db: Db,
  identity: Identity,
  by: { readonly person_id: bigint; readonly session_id: string; readonly otp: string },
): Promise<readonly string[]> {
  const name = personName(by.person_id)
  const counted = await countSecondFactor(db, identity, name)
  const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode)
  await db.tx(async (tx) => {
    if (!(await isGoodTotp(tx, identity, by)) || (await q.confirmFactor(tx, by.person_id)) === 0)
      throw new Refusal('SECOND_FACTOR_INVALID')
    await q.insertRecoveryCodes(
      tx,
      by.person_id,
      codes.map((code) => hashOf(identity, by.person_id, code)),
    )
    await markSteppedUp(tx, by.session_id)
    await record(tx, { actor: name, action: 'second_factor.confirmed', subject: name })
  })
  await counted.succeeded()
  return codes
}

/** Gives the second factor up, by password and a code. Refuses PASSWORD_WRONG, SECOND_FACTOR_INVALID, TOO_MANY_REQUESTS. */
export async function removeSecondFactor(
  db: Db,
  identity: Identity,
  by: {
    readonly person_id: bigint
    readonly password: string
    readonly otp: string
    readonly address: string
  },
): Promise<void> {
  await assertPassword(db, identity, by)
  const name = personName(by.person_id)
  const counted = await countSecondFactor(db, identity, name)
  await db.tx(async (tx) => {
    if (!(await isGoodSecondFactor(tx, identity, by))) throw new Refusal('SECOND_FACTOR_INVALID')
    await q.deleteFactor(tx, by.person_id)
    await forgetStepUps(tx, by.person_id)
    await record(tx, { actor: name, action: 'second_factor.removed', subject: name })
  })
  await counted.succeeded()
}

/** Judges and uses up a code of the app or a recovery code, of a confirmed factor. The caller has counted the try. */
export async function isGoodSecondFactor(
  tx: Tx,
  identity: Identity,
  { person_id, otp }: { readonly person_id: bigint; readonly otp: string },
): Promise<boolean> {
  if (!(await q.hasSecondFactor(tx, person_id))) return false
  if (/^\d{6}$/.test(otp)) return isGoodTotp(tx, identity, { person_id, otp })
  const used = await q.useRecoveryCode(tx, person_id, hashOf(identity, person_id, otp.toLowerCase()))
  const name = personName(person_id)
  if (used) await record(tx, { actor: name, action: 'recovery_code.used', subject: name })
  return used
}

/** The step before and the one after count too (RFC 6238 §5.2): clocks differ. A step counts once. */
async function isGoodTotp(
  tx: Tx,
  identity: Identity,
  { person_id, otp }: { readonly person_id: bigint; readonly otp: string },
): Promise<boolean> {
  const factor = await q.lockFactor(tx, person_id)
  if (factor === undefined) return false
  const secret = unsealWith(identity.sealing_keys, personName(person_id), factor.sealed_secret)
  const now = stepAt((await tx.now()).getTime() / 1_000)
  const step = [now - 1, now, now + 1].find(
    (one) =>
      BigInt(one) > factor.last_step && timingSafeEqual(Buffer.from(totpAt(secret, one)), Buffer.from(otp)),
  )
  if (step === undefined) return false
  await q.useStep(tx, person_id, BigInt(step))
  return true
}

/** Answers the phone number of whose password it is. */
async function assertPassword(
  db: Db,
  identity: Identity,
  by: { readonly person_id: bigint; readonly password: string; readonly address: string },
): Promise<string> {
  const account = await findAccountById(db, by.person_id)
  if (account === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  const counted = await countLogin(db, identity, { account: personName(by.person_id), address: by.address })
  if (!(await identity.hasher.verify(by.password, account.phc))) throw new Refusal('PASSWORD_WRONG')
  await counted.succeeded()
  return account.person.phone_number
}
