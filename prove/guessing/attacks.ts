import { checkCode, forgiveResetCodes } from '../../src/identity/code.ts'
import type { CodePurpose, Identity } from '../../src/identity/identity.ts'
import { countLogin } from '../../src/identity/throttle.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import { CHANCES, POLICY, triesIn, type Attack } from './allowance.ts'
import { giveCodes, type Somebody } from './people.ts'

export type Scene = {
  readonly db: Db
  readonly identity: Identity
  readonly people: readonly Somebody[]
  readonly random: () => number
}

const HOUR_S = 3_600
/** An hour of a guesser of everybody: so many people have a code, and so often each is guessed at. */
const PEOPLE_PER_HOUR = 100
const GUESSES_EACH = 20
const AT_ONCE = 4

export const anyCode = (random: () => number): string =>
  String(Math.floor(random() * 1_000_000)).padStart(6, '0')

/** Does all of the work, so much of it side by side. */
export async function sideBySide<T>(
  work: readonly T[],
  at_once: number,
  one: (item: T) => Promise<void>,
): Promise<void> {
  const left = work.toReversed()
  const some = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await one(item)
  }
  await Promise.all(Array.from({ length: at_once }, some))
}

const nowOf = async (db: Db): Promise<number> =>
  (await db.one<{ s: number }>(sql`select extract(epoch from cauri_now())::float8 as s`)).s

/** Clock hours that were begun between two moments: each has a budget of its own. */
const hoursTouched = (from_s: number, to_s: number): number =>
  Math.floor(to_s / HOUR_S) - Math.floor(from_s / HOUR_S) + 1

/** Wrong guesses that were held against a code, as the trail has them. */
export const wrongCodes = async (db: Db, person_id?: bigint): Promise<number> =>
  (
    await db.one<{ n: number }>(sql`
      select count(*)::integer as n from audit_events
      where action = 'code.wrong' and (${person_id ?? null}::bigint is null or subject = 'person:' || ${person_id ?? null}::bigint)`)
  ).n

/** Guesses one after the other at one person; answers how many were right. */
async function guessAt(
  { db, identity, random }: Scene,
  at: { readonly person: Somebody; readonly purpose: CodePurpose; readonly times: number },
): Promise<number> {
  // One transaction for many guesses, which is committed whatever they were: they stay one after the other.
  return db.tx(async (tx) => {
    let wins = 0
    for (let i = 0; i < at.times; i++)
      if ((await checkCode(tx, identity, { ...at, code: anyCode(random) })) === 'right') wins += 1
    return wins
  })
}

/** Somebody guesses the codes of everybody, hour after hour. `guess` answers how many of so many guesses were right. */
export async function everybodysCodes(
  scene: Scene,
  of: {
    readonly name: string
    readonly guesses: number
    /** At each person in his hour. */
    readonly each?: number
    readonly say?: (line: string) => void
  },
  guess = (person: Somebody, times: number): Promise<number> =>
    guessAt(scene, { person, purpose: 'VERIFY_PHONE', times }),
): Promise<Attack> {
  const { db, identity, people } = scene
  const [read_before, from_s] = [await wrongCodes(db), await nowOf(db)]
  let [guesses, wins, hours] = [0, 0, 0]
  for (; guesses < of.guesses; hours++) {
    await advanceClock(db, HOUR_S)
    const targets = Array.from(
      { length: Math.min(PEOPLE_PER_HOUR, people.length) },
      (_, i) => people[(hours * PEOPLE_PER_HOUR + i) % people.length],
    ).filter((one) => one !== undefined)
    await giveCodes(db, identity, { people: targets, purpose: 'VERIFY_PHONE' })
    await sideBySide(targets, AT_ONCE, async (person) => {
      const times = Math.min(of.each ?? GUESSES_EACH, of.guesses - guesses)
      guesses += times
      wins += await guess(person, times)
    })
    if (hours % 50 === 49) of.say?.(`${of.name}: ${guesses} guesses in ${hours + 1} hours, ${wins} right`)
  }
  const read = (await wrongCodes(db)) - read_before + wins
  const may_be_read = POLICY.code_failures_per_hour * hoursTouched(from_s, await nowOf(db)) + wins
  return { name: of.name, guesses, read, wins, hours, may_be_read }
}

/**
 * Somebody guesses the reset codes of one person for days, asking for each code that he may have. `signs_in`: the person signs in by
 * password every day, which forgets what was wrong in a row, so that what a day allows is what bounds the guesser.
 */
export async function onesCodes(
  scene: Scene,
  of: {
    readonly name: string
    readonly person: Somebody
    readonly days: number
    readonly signs_in: boolean
    readonly each?: number
  },
): Promise<Attack> {
  const { db, identity } = scene
  const { person, each: times = GUESSES_EACH } = of
  const read_before = await wrongCodes(db, person.id)
  let [guesses, wins] = [0, 0]
  for (let hour = 0; hour < of.days * 24; hour++) {
    await advanceClock(db, HOUR_S)
    if (of.signs_in && hour % 24 === 0) await db.tx((tx) => forgiveResetCodes(tx, person.id))
    for (let i = 0; i <= POLICY.codes_per_hour; i++) {
      await giveCodes(db, identity, { people: [person], purpose: 'RESET_PASSWORD' })
      wins += await guessAt(scene, { person, purpose: 'RESET_PASSWORD', times })
      guesses += times
    }
  }
  const in_a_row = POLICY.code_failures * (of.signs_in ? of.days : 1)
  // A day of the limits is any 24 hours: one more may have begun.
  const by_day = POLICY.codes_per_day * POLICY.code_tries * (of.days + 1)
  const read = (await wrongCodes(db, person.id)) - read_before + wins
  const may_be_read = Math.min(in_a_row, by_day) + POLICY.code_failures * wins
  return { name: of.name, guesses, read, wins, hours: of.days * 24, may_be_read }
}

/** The seconds to wait, or undefined when the try was let through. Throws what is no refusal. */
export async function waitFor(
  { db, identity }: Pick<Scene, 'db' | 'identity'>,
  who: { readonly account: string; readonly address: string },
): Promise<number | undefined> {
  try {
    await countLogin(db, identity, who)
    return undefined
  } catch (error) {
    if (error instanceof Refusal && error.code === 'TOO_MANY_REQUESTS') return error.more.retry_after_s ?? 1
    throw error
  }
}

/**
 * Somebody guesses passwords as soon as he may again: at one account from ever other addresses, or at ever other accounts from one
 * address. The hash itself is not made: who is let through has a chance in a million.
 */
export async function passwords(
  scene: Scene,
  of: { readonly name: string; readonly guesses: number; readonly spread: 'addresses' | 'accounts' },
): Promise<Attack> {
  const { db, random } = scene
  const from_s = await nowOf(db)
  let [guesses, read, wins] = [0, 0, 0]
  const whoAt = (n: number) =>
    of.spread === 'addresses'
      ? {
          account: `${of.name} one`,
          address: `2001:db8:${(n >> 16).toString(16)}:${(n & 65_535).toString(16)}::1`,
        }
      : { account: `${of.name} ${n}`, address: '192.0.2.1' }
  while (guesses < of.guesses) {
    let wait_s = Infinity
    let opened = 0
    const crowd = Array.from({ length: Math.min(GUESSES_EACH, of.guesses - guesses) }, () => guesses++)
    await sideBySide(crowd, AT_ONCE, async (n) => {
      const wait = await waitFor(scene, whoAt(n))
      if (wait !== undefined) wait_s = Math.min(wait_s, wait)
      else {
        opened += 1
        if (random() * CHANCES < 1) wins += 1
      }
    })
    read += opened
    if (wait_s < Infinity) await advanceClock(db, wait_s)
  }
  const lasted_s = (await nowOf(db)) - from_s
  const rule = of.spread === 'addresses' ? POLICY.account : POLICY.address
  return {
    name: of.name,
    guesses,
    read,
    wins,
    hours: Math.ceil(lasted_s / HOUR_S),
    may_be_read: triesIn(rule, lasted_s),
  }
}

/** A hundred guesses at one code at the same time: answers how many were read. */
export async function hundredAtOnce({ db, identity, random }: Scene, person: Somebody): Promise<number> {
  await giveCodes(db, identity, { people: [person], purpose: 'VERIFY_PHONE' })
  const before = await wrongCodes(db, person.id)
  const verdicts = await Promise.all(
    Array.from({ length: 100 }, () =>
      db.tx((tx) => checkCode(tx, identity, { person, purpose: 'VERIFY_PHONE', code: anyCode(random) })),
    ),
  )
  return (await wrongCodes(db, person.id)) - before + verdicts.filter((one) => one === 'right').length
}
