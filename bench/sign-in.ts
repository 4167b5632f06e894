import { argon2, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Pool } from 'undici'
import { createPerson } from '../src/identity/index.ts'
import { COST, openHasher } from '../src/identity/password/hash.ts'
import { openAs } from '../src/platform/db.ts'
import { figure, type Figure } from './figure.ts'
import { spentBy, startProduct, withDatabase, type Product } from './product.ts'
import { byTurns, secondsSince, type Run } from './run.ts'

const PEOPLE = 2_000
const PASSWORD = 'mangue verte 7 du marché'
/** As many hashes as the product makes at once. */
const HASHES = 2
/** Twice the places of the lane of sign-ins: there is always somebody who waits. */
const CLIENTS = 8
const LASTS_S = 8
const PROBE_EVERY_MS = 20
/** Above the longest wait in the lane, even on a machine with much else to do. */
const LONGEST_MS = 60_000

/**
 * Sign-ins by HTTP, each of another person from another address, beside the bare hash; and what others notice meanwhile:
 * `/health`, and a person who is signed in already, whose token is verified on the same threads that make the hashes.
 */
export async function signIn(run: Run): Promise<Figure[]> {
  const product = await startProduct(join(run.folder, 'sign-in'), { env: { TRUSTED_PROXIES: '127.0.0.1' } })
  const phones = await enrol(product)
  const client = clientOf(product, phones)
  await client.crowd(2)
  const token = (await client.login()).access
  const look = { product, client, token }
  const [busy, rest] = [[] as Watched[], [] as Watched[]]
  const { measured, limit } = await byTurns(
    run.repeat.short,
    () => whileWatched(look, busy, () => rateOf(product, () => client.crowd(LASTS_S))),
    async () => {
      await whileWatched(look, rest, () => pause(LASTS_S * 250))
      return bareHashes(LASTS_S / 2)
    },
  )
  await client.close()
  await product.stop()
  return [...figuresOf(measured, limit), ...noticed(busy, rest)]
}

/** What so many seconds gave. */
type Rate = { readonly per_s: number; readonly cpu_ms: number; readonly postgres_ms: number }

function figuresOf(measured: readonly Rate[], limit: readonly Rate[]): Figure[] {
  const postgres = measured.map((one) => one.postgres_ms)
  const how = `crypto.argon2 alone, ${HASHES} at once, same cost (64 MiB, 3 passes)`
  return [
    figure({
      id: 'sign-in',
      what: 'sign-ins by HTTP, each of another person',
      unit: '/s',
      better: 'higher',
      samples: measured.map((one) => one.per_s),
      limit: { samples: limit.map((one) => one.per_s), how },
      bar: { on: 'measured', value: 10 },
      note: `${CLIENTS} clients; the server allows ${HASHES} hashes at once`,
    }),
    figure({
      id: 'sign-in',
      what: 'processor time of a sign-in, server and PostgreSQL',
      unit: 'ms',
      better: 'lower',
      samples: measured.map((one) => one.cpu_ms),
      limit: { samples: limit.map((one) => one.cpu_ms), how },
      note: `of which PostgreSQL ${Math.max(...postgres).toFixed(1)} at most`,
    }),
  ]
}

/** Milliseconds of each answer. */
type Watched = { readonly health: readonly number[]; readonly profile: readonly number[] }

function noticed(busy: readonly Watched[], rest: readonly Watched[]): Figure[] {
  const p99 = (of: readonly Watched[], what: keyof Watched): number[] =>
    of.map((one) => percentile(one[what], 99))
  return [
    figure({
      id: 'sign-in',
      what: 'p99 of /health meanwhile',
      unit: 'ms',
      better: 'lower',
      samples: p99(busy, 'health'),
      limit: { samples: p99(rest, 'health'), how: 'the same while nobody signs in' },
      bar: { on: 'measured', value: 200 },
    }),
    figure({
      id: 'sign-in',
      what: 'p99 of the profile of somebody signed in, meanwhile',
      unit: 'ms',
      better: 'lower',
      samples: p99(busy, 'profile'),
      limit: { samples: p99(rest, 'profile'), how: 'the same while nobody signs in' },
      note: 'his token is verified on the threads that make the hashes: two of four',
    }),
  ]
}

const percentile = (values: readonly number[], p: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? Number.NaN
}

/** Makes the people, all with one password and one hash of it, at the product's own cost. Answers their phones. */
const enrol = (product: Product): Promise<string[]> =>
  withDatabase(product, async (url) => {
    const phc = await openHasher().hash(PASSWORD)
    const db = (await openAs(url, 'cauri_api', { max: 1 })).forAll()
    const phones = Array.from({ length: PEOPLE }, (_, i) => `+2376${75_000_000 + i}`)
    for (let from = 0; from < PEOPLE; from += 100)
      await db.tx(async (tx) => {
        for (const phone_number of phones.slice(from, from + 100)) {
          const person = {
            phone_number,
            first_name: 'Amina',
            last_name: 'Nkeng',
            roles: ['BUYER'] as const,
            preferred_language: 'fr' as const,
          }
          await createPerson(tx, 'bench', { person, phc })
        }
      })
    await db.end()
    return phones
  })

/** Runs something while somebody looks at the product every now and then, and keeps how long that took. */
async function whileWatched<T>(
  { client, token }: { readonly client: Client; readonly token: string },
  kept: Watched[],
  work: () => Promise<T>,
): Promise<T> {
  const seen = { health: [] as number[], profile: [] as number[] }
  let is_over = false
  const probe = async (into: number[], path: string, headers = {}): Promise<void> => {
    for (; !is_over; await pause(PROBE_EVERY_MS)) {
      const started = performance.now()
      await client.get(path, headers)
      into.push(performance.now() - started)
    }
  }
  const probes = Promise.all([
    probe(seen.health, '/health'),
    probe(seen.profile, '/api/auth/profile', { authorization: `Bearer ${token}` }),
  ])
  try {
    return await work()
  } finally {
    is_over = true
    await probes
    kept.push(seen)
  }
}

/** What so many of something cost the product. */
async function rateOf(product: Product, work: () => Promise<number>): Promise<Rate> {
  const [before, started] = [spentBy(product), performance.now()]
  const done = await work()
  const [after, seconds] = [spentBy(product), secondsSince(started)]
  const ms = (kind: 'server' | 'postgres'): number =>
    ((after[kind].cpu_s - before[kind].cpu_s) * 1_000) / done
  return { per_s: done / seconds, cpu_ms: ms('server') + ms('postgres'), postgres_ms: ms('postgres') }
}

/** The hash itself, as many at once as the product makes. */
async function bareHashes(seconds: number): Promise<Rate> {
  const hash = promisify(argon2)
  const [before, started] = [process.cpuUsage(), performance.now()]
  let done = 0
  const one = async (): Promise<void> => {
    while (secondsSince(started) < seconds) {
      await hash('argon2id', { message: PASSWORD, nonce: randomBytes(16), tagLength: 32, ...COST })
      done += 1
    }
  }
  await Promise.all(Array.from({ length: HASHES }, one))
  const { user, system } = process.cpuUsage(before)
  return { per_s: done / secondsSince(started), cpu_ms: (user + system) / 1_000 / done, postgres_ms: 0 }
}

type Client = {
  /** The next person signs in. Throws for anything but 200. */
  readonly login: () => Promise<{ readonly access: string }>
  /** Many do, for so many seconds; answers how many did. */
  readonly crowd: (seconds: number) => Promise<number>
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<void>
  readonly close: () => Promise<void>
}

function clientOf({ base }: Product, phones: readonly string[]): Client {
  const pool = new Pool(base, { connections: CLIENTS + 2, headersTimeout: LONGEST_MS })
  let next = 0
  const login = async (): Promise<{ access: string }> => {
    const n = next++
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: '/api/auth/login',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
      },
      body: JSON.stringify({ phone_number: phones[n % phones.length], password: PASSWORD }),
    })
    const answer = (await body.json()) as { access?: string }
    if (statusCode !== 200 || answer.access === undefined)
      throw new Error(`login: ${statusCode} ${JSON.stringify(answer)}`)
    return { access: answer.access }
  }
  return {
    login,
    crowd: async (seconds) => {
      const started = performance.now()
      let done = 0
      const one = async (): Promise<void> => {
        while (secondsSince(started) < seconds) {
          await login()
          done += 1
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, one))
      return done
    },
    get: async (path, headers = {}) => {
      const { statusCode, body } = await pool.request({ method: 'GET', path, headers })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`GET ${path}: ${statusCode} ${text}`)
    },
    close: () => pool.destroy(),
  }
}
