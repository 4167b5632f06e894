import { loadavg } from 'node:os'
import { randomOf } from '../../test/harness/seed.ts'
import { round } from '../load/figures.ts'
import { openSite, type Site } from '../load/site.ts'
import type { Campaign } from '../result.ts'
import { figuresOf, judgeAttack, POLICY, type Attack } from './allowance.ts'
import { everybodysCodes, hundredAtOnce, onesCodes, passwords, type Scene } from './attacks.ts'
import { lockedOut } from './lockout.ts'
import { overHttp } from './over-http.ts'
import { enrol, openCapturing, type Somebody } from './people.ts'

/** So many of the guesses are at passwords of one account, and as many at those of everybody from one address. */
const PASSWORDS = 0.05
/** One of so many guesses goes by HTTP as well. */
const HTTP_SHARE = 100
const DAYS = 30
const ATTACKED = 'password of one from many addresses'

/**
 * Guesses of codes and passwords by the product's own limits, on a virtual clock: at everybody, at one person for a month, from many
 * addresses and from one; then again by HTTP. What is read must stay within the limits, what is won within luck, and afterwards
 * everybody must get in again.
 */
export const guessing: Campaign = async ({ seed, runs, say }) => {
  const started = performance.now()
  // What a crash would lose is not what is tried here.
  const site = await openSite({ synchronous_commit: 'off' })
  const wrong: string[] = []
  try {
    const { identity, codes } = openCapturing()
    const people = await enrol(site.db, Math.max(400, Math.ceil(runs / 100)) + 3)
    const [one, other, third, ...crowd] = people
    if (one === undefined || other === undefined || third === undefined) throw new Error('nobody is there')
    const scene = { db: site.db, identity, people: crowd, random: randomOf(seed, 'guessing') }
    const at_once = await hundredAtOnce(scene, third)
    if (at_once !== POLICY.code_tries) wrong.push(`a hundred guesses at once were read ${at_once} times`)
    const attacks = await attackAll({ scene, site, one, other }, runs, say)
    for (const attack of attacks) wrong.push(...judgeAttack(attack))
    const account = `${ATTACKED} one`
    wrong.push(
      ...(await lockedOut(scene, {
        codes,
        account,
        reset: other,
        phone: [one, third, ...crowd.slice(0, 20)],
      })),
    )
    return {
      campaign: 'guessing',
      seed,
      runs: attacks.reduce((sum, { guesses }) => sum + guesses, 0),
      seconds: Math.round((performance.now() - started) / 1_000),
      faults: {},
      covered: Object.fromEntries(attacks.map(({ name, guesses }) => [name, guesses])),
      figures: {
        accounts: people.length,
        hundred_at_once_read: at_once,
        load_1m: round(loadavg()[0] ?? 0),
        ...Object.assign({}, ...attacks.map(figuresOf)),
      },
      verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
      wrong,
    }
  } finally {
    await site.close()
  }
}

/** Everything that is tried, `runs` by function and a hundredth of that by HTTP. */
async function attackAll(
  at: { readonly scene: Scene; readonly site: Site; readonly one: Somebody; readonly other: Somebody },
  runs: number,
  say: (line: string) => void,
): Promise<readonly Attack[]> {
  const { scene, site } = at
  const attacks: Attack[] = []
  const made = (...some: readonly Attack[]): void => {
    attacks.push(...some)
    for (const attack of some) say(JSON.stringify(attack))
  }
  // A month of one person is 57,600 guesses.
  const days = Math.min(DAYS, Math.max(2, Math.ceil(runs / 20_000)))
  const quiet = { name: 'codes of one who never signs in', person: at.one, days, signs_in: false }
  made(await onesCodes(scene, quiet))
  made(
    await onesCodes(scene, {
      ...quiet,
      name: 'codes of one who signs in daily',
      person: at.other,
      signs_in: true,
    }),
  )
  const guesses = Math.ceil(runs * PASSWORDS)
  made(await passwords(scene, { name: ATTACKED, guesses, spread: 'addresses' }))
  const from_one = 'passwords of everybody from one address'
  made(await passwords(scene, { name: from_one, guesses, spread: 'accounts' }))
  const left = runs - attacks.reduce((sum, attack) => sum + attack.guesses, 0)
  made(await everybodysCodes(scene, { name: 'codes of everybody', guesses: Math.max(2_000, left), say }))
  const others = { ...scene, people: scene.people.toReversed() }
  made(...(await overHttp(others, site, Math.ceil(runs / HTTP_SHARE))))
  return attacks
}
