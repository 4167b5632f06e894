import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { isPostmaster, readPostmaster } from '../../src/platform/postgres/postmaster.ts'
import { until, type Env, type Processes } from '../processes.ts'
import { ADAPTER_STEP_S, EXPIRY_S } from './rig.ts'

const SOURCE = join(import.meta.dirname, '../../src')
const START_MS = 120_000
export const PAYER = 'ACC-123456789'

/** Every delay of the connection, in proportion to the adapter's step of three seconds. */
const QUICK = {
  MOJALOOP_TIMEOUT_S: String(4 * ADAPTER_STEP_S),
  MOJALOOP_EXPIRY_S: String(EXPIRY_S),
  MOJALOOP_NOT_FOUND_AFTER_S: String(EXPIRY_S + 2),
  MOJALOOP_QUERY_DELAYS_S: '1,2,3',
  MOJALOOP_RETRY_DELAYS_S: '0.5,1',
  MOJALOOP_BREAKER_S: '1',
  MOJALOOP_REVIEW_AFTER_S: '300',
  MOJALOOP_WINDOW: '32',
}

export type Line = {
  readonly transferId: string
  readonly amount: number
  readonly fee: number
  readonly status: string
  readonly payee_party_identifier: string
  readonly payee_name: string | null
  readonly error_code: string | null
  readonly error_message: string | null
}
export type Batch = {
  readonly state: string
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly pending: number
  readonly uncertain: number
  readonly paused: boolean
  readonly pause_reason?: string
  readonly fees: number
}
export type Story = {
  readonly attempts: readonly {
    readonly attempt: number
    readonly reference: string
    readonly events: readonly { readonly what: string; readonly said: Readonly<Record<string, unknown>> }[]
  }[]
}
export type Account = { readonly balance: number; readonly reserved: number; readonly available: number }
export type Payment = { readonly to: string; readonly amount: bigint }

export type Cauri = {
  readonly base: string
  /** Uploads a list as a client would; answers the batch's id. */
  readonly pay: (payments: readonly Payment[]) => Promise<string>
  readonly batch: (id: string) => Promise<Batch>
  readonly lines: (id: string) => Promise<Line[]>
  readonly story: (id: string, transfer: string) => Promise<Story>
  /** Waits until the batch is final and answers its lines. */
  readonly finished: (id: string, deadline_ms: number) => Promise<Line[]>
  readonly account: () => Promise<Account>
  /** A command of Cauri's own command line, its answer as JSON. */
  readonly command: (...words: string[]) => Readonly<Record<string, unknown>>
  readonly stop: () => Promise<void>
}

/** Cauri as its user starts it, embedded PostgreSQL and all, with `SCHEME_ADAPTER_URL` pointing at the real adapter. */
export async function startCauri(processes: Processes, home: string, env: Env): Promise<Cauri> {
  const all: Env = {
    ...QUICK,
    CAURI_HOME: home,
    DATABASE_URL: undefined,
    PORT: '0',
    LOG_LEVEL: 'info',
    ...env,
  }
  const running = processes.start({
    name: 'cauri',
    command: process.execPath,
    args: [join(SOURCE, 'main.ts')],
    env: all,
    cwd: home,
    after: () => endPostgres(home),
  })
  const ready = (): string | undefined => /^ready (\S+)$/m.exec(running.said())?.[1]
  const base = await until('Cauri', START_MS, ready, running)
  const batch = (id: string): Promise<Batch> => get(`${base}/api/bulk-transfers/${id}/status?limit=1`)
  return {
    base,
    pay: (payments) => upload(base, payments),
    batch,
    lines: (id) => linesOf(base, id),
    story: (id, transfer) => get(`${base}/api/bulk-transfers/${id}/lines/${transfer}`),
    finished: async (id, deadline_ms) => {
      const isFinal = async (): Promise<true | undefined> => {
        const { state } = await batch(id)
        return (state !== 'PENDING' && state !== 'PROCESSING') || undefined
      }
      await until(`batch ${id}`, deadline_ms, isFinal).catch(async (error: unknown) => {
        throw new Error(`${String(error)}; ${JSON.stringify(await batch(id))}`)
      })
      return linesOf(base, id)
    },
    account: () => get(`${base}/api/accounts/${PAYER}`),
    command: (...words) => run(all, home, words),
    stop: running.stop,
  }
}

/** Cauri ends its PostgreSQL, unless it runs out of time itself (calls that an adapter never answers). */
function endPostgres(home: string): void {
  const data = join(home, 'postgres/data')
  const found = readPostmaster(data)
  if (found && isPostmaster(found.pid, data)) process.kill(found.pid, 'SIGINT')
}

async function get<T>(url: string): Promise<T> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`GET ${url}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

async function upload(base: string, payments: readonly Payment[]): Promise<string> {
  const rows = payments.map(
    ({ to, amount }, i) => `e2e-${randomUUID().slice(0, 8)}-${i + 1},${amount},XOF,MSISDN,${to}`,
  )
  const csv = ['transferId,amount,currency,partyIdType,partyIdentifier', ...rows].join('\n')
  const form = new FormData()
  form.set('file', new Blob([`${csv}\n`], { type: 'text/csv' }), 'payments.csv')
  form.set('payer_account', PAYER)
  const headers = { 'idempotency-key': randomUUID() }
  const answer = await fetch(`${base}/api/bulk-transfers`, { method: 'POST', body: form, headers })
  const text = await answer.text()
  if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${text}`)
  return (JSON.parse(text) as { bulkTransferId: string }).bulkTransferId
}

async function linesOf(base: string, id: string): Promise<Line[]> {
  const all: Line[] = []
  let cursor = ''
  for (;;) {
    const page = await get<{ individualTransfers: Line[]; next_cursor?: string }>(
      `${base}/api/bulk-transfers/${id}/status?limit=1000${cursor}`,
    )
    all.push(...page.individualTransfers)
    if (page.next_cursor === undefined) return all
    cursor = `&cursor=${page.next_cursor}`
  }
}

function run(env: Env, home: string, words: readonly string[]): Readonly<Record<string, unknown>> {
  const done = spawnSync(process.execPath, [join(SOURCE, 'cli/main.ts'), ...words, '--json'], {
    env: { ...process.env, ...env, LOG_LEVEL: 'error' },
    cwd: home,
    encoding: 'utf8',
    timeout: START_MS,
  })
  try {
    return JSON.parse(done.stdout) as Readonly<Record<string, unknown>>
  } catch {
    throw new Error(`cauri ${words.join(' ')}: ${done.stdout} ${done.stderr}`)
  }
}
