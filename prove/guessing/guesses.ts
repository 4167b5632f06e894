import { Pool } from 'undici'
import { randomOf } from '../../test/harness/seed.ts'
import { checkCode } from '../../src/identity/code.ts'
import { LIMITS, type Identity } from '../../src/identity/identity.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { openSite } from '../load/site.ts'
import type { Campaign } from '../result.ts'
import { elsewhere, enrol, giveCodes, openCapturing, SECRET_KEY, signIn, type Somebody } from './people.ts'
import { poissonBound } from './statistics.ts'

const HOUR_S = 3_601
/** An hour of the campaign: so many people get a code, and so many guesses are made at each of them. */
const PEOPLE_PER_HOUR = 100
const GUESSES_EACH = 20
const AT_ONCE = 8
/** So many of the guesses go by HTTP as well. */
const HTTP_SHARE = 100
const CHANCE = 1_000_000
/** A run in a thousand may be that lucky without any fault. */
const LUCK = 0.001

/** What an attack made and won; `read` is how many guesses were held against a code, by the trail and not by the answers. */
type Attack = { guesses: number; wins: number; read: number; hours: number }

/**
 * Somebody guesses codes of everybody, hour after hour of a virtual clock: by the product's own function, and by HTTP from ever
 * other addresses. What he wins must be what luck explains, and what is read at all must stay within the limits.
 */
export const guessing: Campaign = async ({ seed, runs, say }) => {
  const started = performance.now()
  const random = randomOf(seed, 'guessing')
  const site = await openSite()
  const wrong: string[] = []
  try {
    const { identity } = openCapturing()
    const people = await enrol(site.db, Math.max(4 * PEOPLE_PER_HOUR, Math.ceil(runs / 100)))
    const scene = { db: site.db, identity, people, random, say }
    const at_once = await hundredAtOnce(scene)
    if (at_once !== LIMITS.code_tries) wrong.push(`a hundred guesses at once were read ${at_once} times`)
    const by_function = await attack(scene, { guesses: runs }, async (person, code) => {
      const verdict = await site.db.tx((tx) =>
        checkCode(tx, identity, { person, purpose: 'VERIFY_PHONE', code }),
      )
      return verdict === 'right'
    })
    judge('by function', by_function, wrong)
    const by_http = await overHttp(scene, site, Math.ceil(runs / HTTP_SHARE))
    judge('by HTTP', by_http, wrong)
    const most = await mostReadOfOne(site.db)
    if (most > LIMITS.code_failures) wrong.push(`one person’s codes were read ${most} times in a row`)
    return {
      campaign: 'guessing',
      seed,
      runs: by_function.guesses + by_http.guesses,
      seconds: Math.round((performance.now() - started) / 1_000),
      faults: {},
      covered: { 'guesses by function': by_function.guesses, 'guesses by HTTP': by_http.guesses },
      figures: {
        accounts: people.length,
        ...named('function', by_function),
        ...named('http', by_http),
        most_read_of_one: most,
        hundred_at_once_read: at_once,
      },
      verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
      wrong,
    }
  } finally {
    await site.close()
  }
}

const named = (way: string, { guesses, wins, read, hours }: Attack): Record<string, number> => ({
  [`${way}_guesses`]: guesses,
  [`${way}_hours`]: hours,
  [`${way}_read`]: read,
  [`${way}_wins`]: wins,
  [`${way}_wins_expected`]: read / CHANCE,
  [`${way}_wins_allowed`]: poissonBound(read / CHANCE, LUCK),
})

type Scene = {
  readonly db: Db
  readonly identity: Identity
  readonly people: readonly Somebody[]
  readonly random: () => number
  readonly say: (line: string) => void
}

async function attack(
  { db, identity, people, random, say }: Scene,
  { guesses, first = 0 }: { readonly guesses: number; readonly first?: number },
  guess: (person: Somebody, code: string) => Promise<boolean>,
): Promise<Attack> {
  const done: Attack = { guesses: 0, wins: 0, read: 0, hours: 0 }
  const before = await readGuesses(db)
  for (let from = first; done.guesses < guesses; from += PEOPLE_PER_HOUR) {
    await advanceClock(db, HOUR_S)
    done.hours += 1
    const targets = Array.from(
      { length: PEOPLE_PER_HOUR },
      (_, i) => people[(from + i) % people.length] ?? people[0],
    ).filter((one) => one !== undefined)
    await giveCodes(db, identity, { people: targets, purpose: 'VERIFY_PHONE' })
    const left = Array.from({ length: GUESSES_EACH }, () => targets).flat()
    const some = left.splice(0, guesses - done.guesses)
    done.guesses += some.length
    const work = async (): Promise<void> => {
      for (let one = some.pop(); one !== undefined; one = some.pop())
        if (await guess(one, String(Math.floor(random() * CHANCE)).padStart(6, '0'))) done.wins += 1
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    if (done.hours % 50 === 0) say(`${done.guesses} guesses in ${done.hours} hours, ${done.wins} right`)
  }
  done.read = (await readGuesses(db)) - before + done.wins
  return done
}

async function overHttp(
  scene: Scene,
  site: Awaited<ReturnType<typeof openSite>>,
  guesses: number,
): Promise<Attack> {
  const member = site.openApi('api,worker', { SECRET_KEY, TRUSTED_PROXIES: '127.0.0.1' })
  await member.start()
  const pool = new Pool(member.base(), { connections: AT_ONCE })
  // Tokens live ten minutes of the same clock: each guess signs in anew by function, and guesses by HTTP.
  const answers = new Set<number>()
  try {
    // Other people than the function had last: who was guessed at too often is locked.
    const first = Math.floor(scene.people.length / 2) + PEOPLE_PER_HOUR
    return await attack(scene, { guesses, first }, async (person, verification_code) => {
      const [headers] = await signIn(scene.db, scene.identity, [person])
      const answer = await pool.request({
        method: 'POST',
        path: '/api/auth/verify-phone',
        headers: { 'content-type': 'application/json', ...headers, ...elsewhere() },
        body: JSON.stringify({ verification_code }),
      })
      await answer.body.dump()
      answers.add(answer.statusCode)
      if (![200, 400, 409, 429].includes(answer.statusCode)) throw new Error(`HTTP ${answer.statusCode}`)
      return answer.statusCode === 200
    })
  } finally {
    scene.say(`answers by HTTP: ${[...answers].toSorted((a, b) => a - b).join(', ')}`)
    await pool.destroy()
  }
}

/** Guesses that were held against a code and were wrong, as the trail has them. */
const readGuesses = async (db: Db): Promise<number> =>
  (
    await db.one<{ n: number }>(
      sql`select count(*)::integer as n from audit_events where action = 'code.wrong'`,
    )
  ).n

const mostReadOfOne = async (db: Db): Promise<number> =>
  (
    await db.one<{ n: number }>(sql`
      select coalesce(max(n), 0)::integer as n
      from (select count(*) as n from audit_events where action = 'code.wrong' group by subject) as read`)
  ).n

/** A hundred guesses at one code at the same time: answers how many were read. */
async function hundredAtOnce({ db, identity, people }: Scene): Promise<number> {
  const person = people.at(-1)
  if (person === undefined) throw new Error('nobody is there')
  await giveCodes(db, identity, { people: [person], purpose: 'VERIFY_PHONE' })
  const before = await readGuesses(db)
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      db.tx((tx) =>
        checkCode(tx, identity, { person, purpose: 'VERIFY_PHONE', code: String(i).padStart(6, '0') }),
      ),
    ),
  )
  return (await readGuesses(db)) - before
}

function judge(way: string, { wins, read, hours }: Attack, wrong: string[]): void {
  const allowed = poissonBound(read / CHANCE, LUCK)
  if (wins > allowed) wrong.push(`${way}: ${wins} codes were guessed where luck explains ${allowed} at most`)
  const most = LIMITS.code_failures_per_hour * hours
  if (read > most) wrong.push(`${way}: ${read} guesses were read where ${most} may be`)
}
