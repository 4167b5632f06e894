import { checkCode, forgiveResetCodes } from '../../src/identity/code.ts'
import { forgiveCodes } from '../../src/identity/index.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { waitFor, type Scene } from './attacks.ts'
import { giveCodes, type Codes, type Somebody } from './people.ts'
import { POLICY } from './allowance.ts'

const DAY_S = 86_401

/** Whether the code that was sent now is right. */
async function isLetIn(
  { db, identity }: Scene,
  of: {
    readonly codes: Codes
    readonly person: Somebody
    readonly purpose: 'RESET_PASSWORD' | 'VERIFY_PHONE'
  },
): Promise<boolean> {
  await advanceClock(db, DAY_S)
  if ((await giveCodes(db, identity, { people: [of.person], purpose: of.purpose })) === 0) return false
  const code = of.codes.get(of.person.id) ?? ''
  return (await db.tx((tx) => checkCode(tx, identity, { ...of, code }))) === 'right'
}

/**
 * After the attacks: who was guessed at gets in again. By password as soon as the longest wait is over; by a reset code once he has
 * signed in; by a reset code or for his phone once support has helped him. Answers who does not, in words.
 */
export async function lockedOut(
  scene: Scene,
  of: {
    readonly codes: Codes
    readonly account: string
    readonly reset: Somebody
    readonly phone: readonly Somebody[]
  },
): Promise<string[]> {
  const { db } = scene
  const wrong: string[] = []
  await advanceClock(db, POLICY.account.longest_s)
  const wait_s = await waitFor(scene, { account: of.account, address: '198.51.100.7' })
  if (wait_s !== undefined)
    wrong.push(`by password: the owner must wait ${wait_s} s when the longest wait is over`)
  await db.tx((tx) => forgiveResetCodes(tx, of.reset.id))
  if (!(await isLetIn(scene, { ...of, person: of.reset, purpose: 'RESET_PASSWORD' })))
    wrong.push('by reset code: a sign-in does not open the lock')
  for (const person of of.phone) {
    await db.tx((tx) => forgiveCodes(tx, { name: 'support', person_id: undefined }, person.id))
    for (const purpose of ['VERIFY_PHONE', 'RESET_PASSWORD'] as const)
      if (!(await isLetIn(scene, { ...of, person, purpose })))
        wrong.push(`${purpose} of ${person.id}: support does not open the lock`)
  }
  return wrong
}
