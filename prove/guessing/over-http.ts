import { Pool } from 'undici'
import { sql } from '../../src/platform/db.ts'
import type { Site } from '../load/site.ts'
import { POLICY, type Attack } from './allowance.ts'
import { anyCode, everybodysCodes, sideBySide, type Scene } from './attacks.ts'
import { elsewhere, SECRET_KEY, signIn, type Somebody } from './people.ts'

const AT_ONCE = 4
/** Of a hundred guesses at codes and passwords, so many are at passwords. */
const PASSWORDS = 0.1
const EACH = 50

/** The same guesses to the product as it is started: codes of everybody, then passwords, from ever other addresses. */
export async function overHttp(scene: Scene, site: Site, guesses: number): Promise<readonly Attack[]> {
  const member = site.openApi('api,worker', { SECRET_KEY, TRUSTED_PROXIES: '127.0.0.1' })
  await member.start()
  const pool = new Pool(member.base(), { connections: AT_ONCE, headersTimeout: 120_000 })
  const ask = async (
    path: string,
    headers: Readonly<Record<string, string>>,
    body: object,
  ): Promise<number> => {
    const all = { 'content-type': 'application/json', ...headers, ...elsewhere() }
    const answer = await pool.request({ method: 'POST', path, headers: all, body: JSON.stringify(body) })
    await answer.body.dump()
    if (![200, 400, 401, 409, 429].includes(answer.statusCode)) throw new Error(`HTTP ${answer.statusCode}`)
    return answer.statusCode
  }
  try {
    const at_passwords = Math.ceil(guesses * PASSWORDS)
    const codes = { name: 'codes of everybody by HTTP', guesses: guesses - at_passwords }
    return [
      await everybodysCodes(scene, codes, async (person, times) => {
        const [headers = {}] = await signIn(scene.db, scene.identity, [person])
        let wins = 0
        for (let i = 0; i < times; i++) {
          const body = { verification_code: anyCode(scene.random) }
          if ((await ask('/api/auth/verify-phone', headers, body)) === 200) wins += 1
        }
        return wins
      }),
      await passwordsByHttp(scene, at_passwords, (body) => ask('/api/auth/login', {}, body)),
    ]
  } finally {
    await pool.destroy()
  }
}

/** Passwords of some, fifty at each at once: what is over the limits is refused before a hash is made. */
async function passwordsByHttp(
  { db, people, random }: Scene,
  guesses: number,
  ask: (body: object) => Promise<number>,
): Promise<Attack> {
  const started = performance.now()
  const failed = async (): Promise<number> =>
    (
      await db.one<{ n: number }>(
        sql`select count(*)::integer as n from audit_events where action = 'login.failed'`,
      )
    ).n
  const before = await failed()
  const victims = people.slice(0, Math.ceil(guesses / EACH))
  const work = victims.flatMap((person) => Array.from({ length: EACH }, (): Somebody => person))
  let wins = 0
  await sideBySide(work.slice(0, guesses), AT_ONCE, async ({ phone_number }) => {
    const password = `papaye ${anyCode(random)} du port`
    if ((await ask({ phone_number, password })) === 200) wins += 1
  })
  const seconds = (performance.now() - started) / 1_000
  // Waits of 1, 2, 4 … seconds end while others are guessed at.
  const each = POLICY.account.free + Math.ceil(Math.log2(seconds + 1))
  return {
    name: 'passwords by HTTP',
    guesses,
    read: (await failed()) - before + wins,
    wins,
    hours: Math.ceil(seconds / 3_600),
    may_be_read: victims.length * each,
  }
}
