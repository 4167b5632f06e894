import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Identity } from './identity.ts'
import * as q from './sql/throttles.ts'

/**
 * Tries that are counted before they are made, each in its own committed statement: a crash or a crowd cannot win one. What
 * is over the limit is refused TOO_MANY_REQUESTS with Retry-After, and costs next to nothing.
 */
const refuse = (wait_s: number): void => {
  if (wait_s > 0) throw new Refusal('TOO_MANY_REQUESTS', { retry_after_s: wait_s })
}

/** An IPv6 customer has at least a /64 (RFC 6177): one address of it is as good as another. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...zeros, ...right].slice(0, 4).join(':')
}

export type LoginTry = {
  /** The password was right: what was counted for the account is forgotten, and this try for the address. */
  readonly succeeded: () => Promise<void>
}

/** Counts a try to sign in, for the address and then for the account (`person:7`, or what was written where nobody is). */
export async function countLogin(
  db: Db,
  { digest, limits }: Identity,
  who: { readonly account: string; readonly address: string },
): Promise<LoginTry> {
  const address = digest('login address', networkOf(who.address))
  const account = digest('login account', who.account)
  refuse(await q.countTry(db, address, limits.login_address))
  refuse(await q.countTry(db, account, limits.login_account))
  return {
    succeeded: async () => {
      await q.forgetTries(db, account)
      await q.takeBackTry(db, address)
    },
  }
}

const HOUR_S = 3_600

export async function countRegistration(
  db: Db,
  { digest, limits }: Identity,
  address: string,
): Promise<void> {
  const subject = digest('register address', networkOf(address))
  refuse(await q.countInWindow(db, subject, { most: limits.registrations_per_hour, lasts_s: HOUR_S }))
}

/** Asking for a reset, and answering one: counted alike, by address. */
export async function countReset(
  db: Db,
  { digest, limits }: Identity,
  step: { readonly name: 'request' | 'confirm'; readonly address: string },
): Promise<void> {
  const subject = digest(`reset ${step.name}`, networkOf(step.address))
  refuse(await q.countInWindow(db, subject, { most: limits.reset_requests_per_hour, lasts_s: HOUR_S }))
}

/**
 * Counts a try at a second factor, apart from passwords: who knows the password must not be able to have these forgotten by it.
 */
export async function countSecondFactor(
  db: Db,
  { digest, limits }: Identity,
  account: string,
): Promise<LoginTry> {
  const subject = digest('second factor', account)
  refuse(await q.countTry(db, subject, limits.login_account))
  return { succeeded: async () => void (await q.forgetTries(db, subject)) }
}

/** Invitations of one organisation in one day, in the transaction that sends one. */
export async function countInvitation(
  tx: Tx,
  { digest, limits }: Identity,
  organization_id: bigint,
): Promise<void> {
  const subject = digest('invitations of', String(organization_id))
  refuse(await q.countInWindow(tx, subject, { most: limits.invitations_per_day, lasts_s: 24 * HOUR_S }))
}

/** Counts a try at the token of an invitation. */
export async function countToken(db: Db, { digest, limits }: Identity, account: string): Promise<LoginTry> {
  const subject = digest('invitation token', account)
  refuse(await q.countTry(db, subject, limits.login_account))
  return { succeeded: async () => void (await q.forgetTries(db, subject)) }
}
