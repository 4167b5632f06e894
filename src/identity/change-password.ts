import { setTimeout as pause } from 'node:timers/promises'
import { record } from '../audit/index.ts'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { parsePhone } from '../platform/phone.ts'
import { checkCode, forgiveResetCodes, sendCode, type Verdict } from './code.ts'
import type { Identifier, Identity } from './identity.ts'
import { findNamed } from './login.ts'
import { assertGoodPassword } from './password/choose.ts'
import { personName, type Person } from './person.ts'
import { findAccountById, lockPassword, setPassword } from './sql/people.ts'
import { endSessions } from './sql/sessions.ts'
import { countLogin, countReset } from './throttle.ts'

const knownOf = ({ phone_number, email, first_name, last_name }: Person): readonly (string | null)[] => [
  phone_number,
  phone_number.slice(1),
  phone_number.slice(4),
  email,
  first_name,
  last_name,
]

/**
 * Changes the password of who is signed in; his other sessions end. The current password is guessed under the same limits as at
 * sign-in. Refuses PASSWORD_WRONG, PASSWORD_CONFIRMATION_DIFFERS, PASSWORD_TOO_COMMON, TOO_MANY_REQUESTS.
 */
export async function changePassword(
  db: Db,
  identity: Identity,
  by: {
    readonly person_id: bigint
    readonly session_id: string
    readonly address: string
    readonly current_password: string
    readonly new_password: string
    readonly new_password_confirmation: string
  },
): Promise<void> {
  const account = await findAccountById(db, by.person_id)
  if (account === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
  assertGoodPassword(by.new_password, by.new_password_confirmation, knownOf(account.person))
  const name = personName(by.person_id)
  const counted = await countLogin(db, identity, { account: name, address: by.address })
  if (!(await identity.hasher.verify(by.current_password, account.phc))) {
    await db.tx((tx) => record(tx, { actor: name, action: 'password.refused', subject: name }))
    throw new Refusal('PASSWORD_WRONG')
  }
  const phc = await identity.hasher.hash(by.new_password)
  await db.tx(async (tx) => {
    if (!(await lockPassword(tx, by.person_id, account.phc))) throw new Refusal('PASSWORD_WRONG')
    await setPassword(tx, by.person_id, phc)
    await endSessions(tx, { person_id: by.person_id, except: by.session_id }, 'PASSWORD_CHANGED')
    await forgiveResetCodes(tx, by.person_id)
    await record(tx, { actor: name, action: 'password.changed', subject: name })
  })
  await counted.succeeded()
}

/** Takes the wish for a reset, whoever it is for: the same row, the same answer, the same time. Refuses TOO_MANY_REQUESTS by address. */
export async function requestReset(
  db: Db,
  identity: Identity,
  asked: { readonly account: Identifier; readonly address: string },
): Promise<void> {
  const account =
    'email' in asked.account ? asked.account : { phone_number: parsePhone(asked.account.phone_number).number }
  await countReset(db, identity, { name: 'request', address: asked.address })
  await db.tx((tx) => identity.askReset(tx, account))
}

/** What was put off by `requestReset`: sends a code to the phone of that person, if there is one and the limits allow it. */
export async function beginReset(tx: Tx, identity: Identity, account: Identifier): Promise<void> {
  const found = await findNamed(tx, account)
  if (found?.is_active !== true) return
  const sent = await sendCode(tx, identity, { person: found, purpose: 'RESET_PASSWORD' })
  const name = personName(found.id)
  await record(tx, { actor: name, action: `password.reset_${sent.kind}`, subject: name })
}

/**
 * Sets a new password by the code that was sent; all sessions end. A wrong code and an unknown person get the same answer,
 * CODE_INVALID, after the same time. Refuses also PASSWORD_TOO_COMMON and TOO_MANY_REQUESTS.
 */
export async function confirmReset(
  db: Db,
  identity: Identity,
  answer: {
    readonly account: Identifier
    readonly code: string
    readonly new_password: string
    readonly address: string
  },
): Promise<void> {
  assertGoodPassword(answer.new_password, undefined, [])
  await countReset(db, identity, { name: 'confirm', address: answer.address })
  const [verdict] = await Promise.allSettled([
    reset(db, identity, answer),
    pause(identity.limits.reset_answers_after_ms),
  ])
  if (verdict.status === 'rejected') throw verdict.reason
  // Locked and paused would tell that the person exists.
  if (verdict.value !== 'right') throw new Refusal('CODE_INVALID')
}

async function reset(
  db: Db,
  identity: Identity,
  answer: { readonly account: Identifier; readonly code: string; readonly new_password: string },
): Promise<Verdict> {
  const phc = await identity.hasher.hash(answer.new_password)
  return db.tx(async (tx) => {
    const person = await findNamed(tx, answer.account)
    if (person?.is_active !== true) return 'wrong'
    const verdict = await checkCode(tx, identity, { person, purpose: 'RESET_PASSWORD', code: answer.code })
    if (verdict !== 'right') return verdict
    const name = personName(person.id)
    await setPassword(tx, person.id, phc)
    await endSessions(tx, { person_id: person.id, except: null }, 'PASSWORD_RESET')
    await record(tx, { actor: name, action: 'password.reset', subject: name })
    return verdict
  })
}
