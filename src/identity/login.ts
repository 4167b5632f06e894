import { record } from '../audit/index.ts'
import type { Db, Reader, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { parsePhone } from '../platform/phone.ts'
import { forgiveResetCodes } from './code.ts'
import type { Identifier, Identity } from './identity.ts'
import { personName, type Person } from './person.ts'
import type { SignedIn } from './register.ts'
import { isGoodSecondFactor } from './second-factor.ts'
import { openSession, type SignIn } from './session.ts'
import {
  findAccountByEmail,
  findAccountByPhone,
  findPersonByEmail,
  findPersonByPhone,
  lockPassword,
  replaceHash,
  type Account,
} from './sql/people.ts'
import { hasSecondFactor } from './sql/second-factors.ts'
import type { Device } from './sql/sessions.ts'
import { countLogin, countSecondFactor } from './throttle.ts'

/** How somebody tries to sign in. */
export type LoginTried = {
  readonly account: Identifier
  readonly password: string
  readonly otp?: string | undefined
  readonly device: Device
}

/** Signs a person in and gives him tokens. Refuses as `signIn` does. */
export async function login(db: Db, identity: Identity, tried: LoginTried): Promise<SignedIn> {
  const { person, opened } = await signIn(db, identity, tried, (tx, as) => openSession(tx, identity, as))
  return { person, tokens: opened }
}

/**
 * Signs a person in by phone or e-mail; `open` begins his session. A wrong password, an unknown number and a person who is not active get the same
 * answer after the same work: CREDENTIALS_INVALID. Refuses TOO_MANY_REQUESTS after too many tries for the account or from
 * the address, before any hash is made; with a second factor, OTP_REQUIRED and SECOND_FACTOR_INVALID.
 */
export async function signIn<T>(
  db: Db,
  identity: Identity,
  tried: LoginTried,
  open: (tx: Tx, as: SignIn) => Promise<T>,
): Promise<{ readonly person: Person; readonly opened: T }> {
  const account = await findAccount(db, tried.account)
  const name = account === undefined ? `unknown:${writtenOf(tried.account)}` : personName(account.person.id)
  const counted = await countLogin(db, identity, { account: name, address: tried.device.address })
  const right = await identity.hasher.verify(tried.password, account?.phc ?? identity.hasher.nobody)
  if (account === undefined || !right || !account.person.is_active) {
    const subject = account === undefined ? 'person:unknown' : name
    await db.tx((tx) => record(tx, { actor: subject, action: 'login.failed', subject }))
    throw new Refusal('CREDENTIALS_INVALID')
  }
  await counted.succeeded()
  const second_factor = await assertSecondFactor(db, identity, account.person.id, tried.otp)
  const renewed = await renewedHash(identity, account, tried.password)
  return db.tx(async (tx) => {
    // Changed since it was verified: who knows the old one signs in no more.
    if (!(await lockPassword(tx, account.person.id, account.phc))) throw new Refusal('CREDENTIALS_INVALID')
    if (renewed !== undefined) await replaceHash(tx, account.person.id, renewed)
    await forgiveResetCodes(tx, account.person.id)
    await record(tx, { actor: name, action: 'login.succeeded', subject: name })
    const as = { person_id: account.person.id, device: tried.device, second_factor }
    return { person: account.person, opened: await open(tx, as) }
  })
}

/**
 * A committed step of its own: what is used up stays used up. Answers whether there was one to show. Refuses OTP_REQUIRED and
 * SECOND_FACTOR_INVALID.
 */
async function assertSecondFactor(
  db: Db,
  identity: Identity,
  person_id: bigint,
  otp: string | undefined,
): Promise<boolean> {
  if (!(await hasSecondFactor(db, person_id))) return false
  if (otp === undefined) throw new Refusal('OTP_REQUIRED')
  const name = personName(person_id)
  const counted = await countSecondFactor(db, identity, name)
  const good = await db.tx(async (tx) => {
    const said = await isGoodSecondFactor(tx, identity, { person_id, otp })
    if (!said) await record(tx, { actor: name, action: 'second_factor.failed', subject: name })
    return said
  })
  if (!good) throw new Refusal('SECOND_FACTOR_INVALID')
  await counted.succeeded()
  return true
}

/** The same password at today's cost, where the stored one was made at another. */
const renewedHash = async (
  { hasher }: Identity,
  { phc }: Account,
  password: string,
): Promise<string | undefined> => (hasher.isOutdated(phc) ? hasher.hash(password) : undefined)

/** Whom somebody says that he is, if that person exists. Refuses PHONE_INVALID for what is no number at all. */
function findAccount(db: Reader, account: Identifier): Promise<Account | undefined> {
  return 'email' in account
    ? findAccountByEmail(db, account.email)
    : findAccountByPhone(db, parsePhone(account.phone_number).number)
}

/** The same, with or without a password yet. */
export const findNamed = (db: Reader, account: Identifier): Promise<Person | undefined> =>
  'email' in account
    ? findPersonByEmail(db, account.email)
    : findPersonByPhone(db, parsePhone(account.phone_number).number)

/** One spelling for each identifier: a stranger's tries at it are counted together. */
const writtenOf = (account: Identifier): string =>
  'email' in account ? account.email.toLowerCase() : parsePhone(account.phone_number).number
