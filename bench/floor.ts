import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { payeeOf } from './csv.ts'

export type BareRun = {
  readonly url: string
  readonly transfers: number
  /** Sockets, each with one call at a time, as Cauri uses them. */
  readonly connections: number
  /** Makes the ids differ from those of every other run. */
  readonly tag: string
  /** Where the rail stops at the quote: accept it with a second call. */
  readonly two_phase?: boolean
  /** By `Pool.dispatch`, without streams and promises for each body: less work than a client that is bare but usual. */
  readonly lean?: boolean
}

export type Bare = {
  readonly per_s: number
  /** Processor time of this process for each transfer, microseconds. */
  readonly cpu_us: number
}

/** The bytes that Cauri sends for a line of these lists (`bench/floor.test.ts` holds them together). */
export const bodyOf = (
  transfer_id: string | undefined,
  home: string,
  payee: string,
  amount: number,
): string =>
  `{${transfer_id === undefined ? '' : `"transferId":"${transfer_id}",`}"homeTransactionId":"${home}",` +
  `"from":{"type":"BUSINESS","idType":"MSISDN","idValue":"123456789"},"to":{"idType":"MSISDN","idValue":"${payee}"},` +
  `"amountType":"SEND","currency":"XOF","amount":"${amount}","transactionType":"TRANSFER"}`

const HEADERS = ['content-type', 'application/json', 'accept', 'application/json']
const MOST_BYTES = 1_048_576

/**
 * The limit of one call per transfer: the same calls by a bare client, which reads each answer to its end and decides,
 * stores and checks nothing. Throws for an answer that is not 200.
 */
export async function runBare(run: BareRun): Promise<Bare> {
  const pool = new Pool(run.url, { connections: run.connections })
  let next = 0
  const one = run.two_phase === true ? inTwo : run.lean === true ? inOneLean : inOne
  const worker = async (): Promise<void> => {
    while (next < run.transfers) await one(pool, run, next++)
  }
  const cpu = process.cpuUsage()
  const started = performance.now()
  await Promise.all(Array.from({ length: run.connections }, worker))
  const seconds = (performance.now() - started) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  await pool.close()
  return { per_s: run.transfers / seconds, cpu_us: (user + system) / run.transfers }
}

async function inOne(pool: Pool, run: BareRun, i: number): Promise<void> {
  const { statusCode, body } = await pool.request({
    path: '/transfers',
    method: 'POST',
    headers: HEADERS,
    body: bodyOf(randomUUID(), `${run.tag}-${i}`, payeeOf(i), 100),
  })
  if (statusCode !== 200) throw new Error(`the rail answered ${statusCode}`)
  await body.dump({ limit: MOST_BYTES })
}

const inOneLean = (pool: Pool, run: BareRun, i: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let status = 0
    const body = bodyOf(randomUUID(), `${run.tag}-${i}`, payeeOf(i), 100)
    pool.dispatch(
      { origin: run.url, path: '/transfers', method: 'POST', headers: HEADERS, body },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => void (status = code),
        onResponseData: () => undefined,
        onResponseEnd: () => (status === 200 ? resolve() : reject(new Error(`the rail answered ${status}`))),
        onResponseError: (_controller, error) => reject(error),
      },
    )
  })

/** The rail makes the id; of its first answer nothing but that is read. */
async function inTwo(pool: Pool, run: BareRun, i: number): Promise<void> {
  const first = await pool.request({
    path: '/transfers',
    method: 'POST',
    headers: HEADERS,
    body: bodyOf(undefined, `${run.tag}-${i}`, payeeOf(i), 100),
  })
  const id = /"transferId":"([^"]+)"/.exec(await first.body.text())?.[1]
  const second = await pool.request({
    path: `/transfers/${id}`,
    method: 'PUT',
    headers: HEADERS,
    body: '{"acceptQuote":true}',
  })
  if (first.statusCode !== 200 || second.statusCode !== 200)
    throw new Error(`the rail answered ${first.statusCode}, then ${second.statusCode}`)
  await second.body.dump({ limit: MOST_BYTES })
}
