import { randomUUID } from 'node:crypto'
import { crashPoint } from '../crash-point.ts'
import { assertNoTransaction, sql, sqlState, type Db, type Tx } from '../db.ts'
import { Refusal } from '../errors.ts'
import { sha256 } from '../ids.ts'

/** An answer as it is kept: a status under 400, a plain JSON body and headers such as Location. */
export type StoredAnswer = {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Completion = {
  /**
   * Keeps the answer, in the transaction of the effect. Refused (IDEMPOTENCY_IN_PROGRESS) when the lease ran out and
   * another request took the key over: then the effect's transaction rolls back, and theirs counts.
   */
  readonly complete: (tx: Tx, answer: StoredAnswer) => Promise<void>
}

export type Claim = Completion & {
  readonly kind: 'new'
  /**
   * Frees the key, when nothing was done. Answers what is kept when the effect did commit after all (a lost
   * commit that arrived): that is the truth, whatever went wrong since.
   */
  readonly release: () => Promise<StoredAnswer | undefined>
}

export type Begun = Claim | { readonly kind: 'replay'; readonly answer: StoredAnswer }

export type Call = {
  /** Caller, method and route: the same key of another caller is another key. */
  readonly scope: string
  readonly key: string
  /** sha256 of the parsed fields and of the file's bytes, never of the raw body. */
  readonly fingerprint: Buffer
  /** How long a request that died keeps the key; one that lives renews it. */
  readonly lease_s: number
}

/** The caller's key, or undefined without the header. Refuses one that is not 1–255 printable ASCII characters. */
export function idempotencyKeyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header === 'string' && /^[\x20-\x7e]{1,255}$/.test(header)) return header
  throw new Refusal('IDEMPOTENCY_KEY_INVALID', {
    detail: { en: '1 to 255 printable ASCII characters', fr: '1 à 255 caractères ASCII imprimables' },
  })
}

/** The fingerprint of a JSON value: the order of its keys does not matter; bigints count as their digits. */
export const fingerprintOf = (value: unknown): Buffer => sha256(canonical(value))

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (value instanceof Date) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`)
  return `{${members.join(',')}}`
}

/**
 * Claims the key for one request, in its own transaction. Answers the kept answer when there is one. Refuses:
 * IDEMPOTENCY_KEY_REUSED (other fingerprint), IDEMPOTENCY_IN_PROGRESS (the first request is still running; its
 * lease decides, by the database's wall clock).
 */
export async function beginIdempotent(db: Db, call: Call): Promise<Begun> {
  assertNoTransaction('beginIdempotent')
  const token = randomUUID()
  const { lease_s } = call
  const lease = `${lease_s} seconds`
  for (let round = 0; round < 5; round++) {
    if (await insertClaim(db, call, token, lease)) {
      crashPoint('idempotency.claimed')
      return claimOf(db, call, token, lease_s)
    }
    const row = await readClaim(db, call)
    if (row === undefined) continue // released between the two statements
    if (!row.fingerprint.equals(call.fingerprint)) throw new Refusal('IDEMPOTENCY_KEY_REUSED')
    if (row.status !== null) return { kind: 'replay', answer: answerOf(row, row.status) }
    if (row.lease_left_s > 0) throw inProgress(row.lease_left_s)
    if (await takeOver(db, call, row.token, token, lease)) return claimOf(db, call, token, lease_s)
  }
  throw inProgress(1)
}

/** A caller without a key: nothing is kept, nothing is replayed. */
export const withoutKey: Claim = {
  kind: 'new',
  complete: () => Promise.resolve(),
  release: () => Promise.resolve(undefined),
}

/** Deletes what is older than 90 days; answers how many rows. */
export const cleanIdempotency = (db: Db): Promise<number> =>
  db.run(sql`
    delete from platform_idempotency
    where (scope, key) in (
      select scope, key from platform_idempotency
      where created_at < clock_timestamp() - interval '90 days' order by created_at limit 10000)`)

function claimOf(db: Db, call: Call, token: string, lease_s: number): Claim {
  // A renewal that fails changes nothing: another request may then take the key over, and this effect rolls back.
  const renewing = setInterval(
    () => void renewClaim(db, call, token, `${lease_s} seconds`).catch(() => undefined),
    Math.max(100, (lease_s * 1_000) / 3),
  ).unref()
  return {
    kind: 'new',
    complete: async (tx, answer) => {
      if (answer.status >= 400) throw new Error(`only an answer below 400 is kept, got ${answer.status}`)
      clearInterval(renewing)
      if ((await completeClaim(tx, call, token, answer)) !== 1) throw inProgress(1)
      crashPoint('idempotency.completed')
    },
    release: async () => {
      clearInterval(renewing)
      if ((await deleteClaim(db, call, token)) === 1) return undefined
      const row = await readClaim(db, call)
      return row === undefined || row.token !== token || row.status === null
        ? undefined
        : answerOf(row, row.status)
    },
  }
}

const inProgress = (left_s: number): Refusal =>
  new Refusal('IDEMPOTENCY_IN_PROGRESS', { retry_after_s: left_s > 1 ? 2 : 1 })

type Row = {
  readonly fingerprint: Buffer
  readonly token: string
  readonly lease_left_s: number
  readonly status: number | null
  readonly headers: Record<string, string> | null
  readonly body: unknown
}

const answerOf = (row: Row, status: number): StoredAnswer => ({
  status,
  body: row.body ?? undefined,
  headers: row.headers ?? {},
})

const insertClaim = async (db: Db, { scope, key, fingerprint }: Call, token: string, lease: string) =>
  (await db.run(sql`
    insert into platform_idempotency (scope, key, fingerprint, token, lease_until)
    values (${scope}, ${key}, ${fingerprint}, ${token}, clock_timestamp() + ${lease}::interval)
    on conflict (scope, key) do nothing`)) === 1

const readClaim = (db: Db, { scope, key }: Call): Promise<Row | undefined> =>
  db.maybeOne<Row>(sql`
    select fingerprint, token, status, headers, body,
      extract(epoch from lease_until - clock_timestamp())::float8 as lease_left_s
    from platform_idempotency where scope = ${scope} and key = ${key}`)

const renewClaim = (db: Db, { scope, key }: Call, token: string, lease: string): Promise<number> =>
  db.run(sql`
    update platform_idempotency set lease_until = clock_timestamp() + ${lease}::interval
    where scope = ${scope} and key = ${key} and token = ${token} and status is null
      and lease_until > clock_timestamp()`)

/** Waits for the old owner's open transaction, if it is just completing; then it is completed and not taken. */
const takeOver = async (db: Db, { scope, key }: Call, old: string, token: string, lease: string) => {
  const taken = db.run(sql`
    update platform_idempotency
    set token = ${token}, lease_until = clock_timestamp() + ${lease}::interval
    where scope = ${scope} and key = ${key} and token = ${old} and status is null
      and lease_until <= clock_timestamp()`)
  // lock_timeout: the old owner is in the middle of its effect, so the request is still running.
  return (await taken.catch((error: unknown) => refuseWhenLocked(error))) === 1
}

function refuseWhenLocked(error: unknown): never {
  throw sqlState(error) === '55P03' ? inProgress(1) : error
}

const completeClaim = (tx: Tx, { scope, key }: Call, token: string, answer: StoredAnswer) =>
  tx.run(sql`
    update platform_idempotency
    set status = ${answer.status}, headers = ${JSON.stringify(answer.headers ?? {})},
      body = ${answer.body === undefined ? null : JSON.stringify(answer.body)}, completed_at = clock_timestamp()
    where scope = ${scope} and key = ${key} and token = ${token} and status is null`)

const deleteClaim = (db: Db, { scope, key }: Call, token: string): Promise<number> =>
  db.run(sql`
    delete from platform_idempotency
    where scope = ${scope} and key = ${key} and token = ${token} and status is null`)
