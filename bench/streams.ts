import { fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { csvOf } from './csv.ts'
import { figure, type Figure } from './figure.ts'
import { start, usageOf } from './processes.ts'
import { bareEnv, START_OPTIONS } from './product.ts'
import type { Ask, Told } from './streams-client.ts'

/** The product's address, and its server's process. */
export type Served = { readonly base: string; readonly pid: number }

const CLIENT = fileURLToPath(new URL('streams-client.ts', import.meta.url))
const BARE = fileURLToPath(new URL('streams-bare.ts', import.meta.url))
const STREAMS = 5_000
const LINES = 10_000
const REST_S = 10
const DEADLINE_MS = 120_000
const PAGES = 30

/**
 * Many event streams on one batch: what each costs the server while nothing happens, and how late the last of them is
 * while the batch is paid. Every stream is on the same batch, so that every change goes out 5,000 times.
 */
export async function streams(product: Served): Promise<Figure[]> {
  const list = { tag: `streams-${product.pid}`, rows: LINES, amount: 1, from: 50_000_000 }
  const bulk_id = await upload(product, csvOf(list))
  await act(product, bulk_id, 'pause')
  await pause(2_000) // what was claimed before the pause is settled
  const place = placeOf(product, bulk_id)
  await warm(place)
  const client = fork(CLIENT, { execArgv: [] })
  try {
    const before_kb = residentOf(product.pid)
    const opened = await ask(client, { ...place, kind: 'open', streams: STREAMS }, 'opened')
    await pause(5_000)
    const cpu_before = cpuOf(product.pid)
    await pause(REST_S * 1_000)
    const cpu = ((cpuOf(product.pid) - cpu_before) / REST_S) * 100
    const each_kb = (residentOf(product.pid) - before_kb) / STREAMS
    const from = Date.now()
    await act(product, bulk_id, 'resume')
    const running = await untilFinal(product, bulk_id)
    const settled_at = await settledAt(product, bulk_id)
    const lags = await ask(client, { kind: 'lags', settled_at, from }, 'lags')
    if (lags.unseen > 0) throw new Error(`${lags.unseen} settlements were never shown`)
    const bare_kb = await bareStreams()
    return [
      figure({
        id: 'G11',
        what: 'resident memory per idle stream',
        unit: 'kB',
        better: 'lower',
        samples: [each_kb],
        limit: {
          samples: [bare_kb],
          how: "Node's own HTTP server that answers one event and does nothing else",
        },
        bar: { on: 'measured', value: 20 },
        note: `${opened.streams} streams, opened in ${(opened.ms / 1_000).toFixed(1)} s`,
      }),
      figure({
        id: 'G11',
        what: 'update lag p99',
        unit: 'ms',
        better: 'lower',
        samples: [lags.p99_ms],
        bar: { on: 'measured', value: 1_000 },
        note: `p50 ${lags.p50_ms} ms; ${lags.events} events while ${LINES} lines were paid in ${(running / 1_000).toFixed(1)} s`,
      }),
      figure({
        id: 'G11',
        what: `server with ${STREAMS} idle streams`,
        unit: '% of a core',
        better: 'lower',
        samples: [cpu],
        note: `over ${REST_S} s; a resting sandbox has 2`,
      }),
    ]
  } finally {
    if (client.connected) client.disconnect() // it ends with its parent's end of the line
  }
}

/** The first page of a large batch's status, asked some dozens of times; `bulk_id` may be paused. */
export async function firstPage(product: Served, bulk_id: string, lines: number): Promise<Figure> {
  const samples: number[] = []
  for (let i = 0; i < PAGES; i++) {
    const started = performance.now()
    const answer = await fetch(`${product.base}/api/bulk-transfers/${bulk_id}/status`)
    const body = (await answer.json()) as { total?: number; individualTransfers?: readonly unknown[] }
    samples.push(performance.now() - started)
    if (body.total !== lines || (body.individualTransfers?.length ?? 0) === 0)
      throw new Error(`status: ${answer.status} ${JSON.stringify(body).slice(0, 300)}`)
  }
  return figure({
    id: 'G11',
    what: `first page of the status of ${lines} lines`,
    unit: 'ms',
    better: 'lower',
    samples,
    bar: { on: 'measured', value: 100 },
    note: `worst of ${PAGES}: ${Math.max(...samples).toFixed(0)} ms`,
  })
}

/** Uploads a file and answers the batch's name. */
export async function upload({ base }: Served, csv: Buffer): Promise<string> {
  const form = new FormData()
  form.set('payer_account', 'ACC-123456789')
  form.set('file', new Blob([new Uint8Array(csv)], { type: 'text/csv' }), 'bench.csv')
  const answer = await fetch(`${base}/api/bulk-transfers`, { method: 'POST', body: form })
  const body = (await answer.json()) as { bulkTransferId?: string }
  if (body.bulkTransferId === undefined) throw new Error(`upload: ${answer.status} ${JSON.stringify(body)}`)
  return body.bulkTransferId
}

export async function act(
  { base }: Served,
  bulk_id: string,
  verb: 'pause' | 'resume' | 'cancel',
): Promise<void> {
  const answer = await fetch(`${base}/api/bulk-transfers/${bulk_id}/${verb}`, { method: 'POST' })
  if (!answer.ok) throw new Error(`${verb}: ${answer.status} ${await answer.text()}`)
}

const placeOf = ({ base }: Served, bulk_id: string): { port: number; path: string } => ({
  port: Number(new URL(base).port),
  path: `/api/bulk-transfers/${bulk_id}/stream`,
})

/** What a stream costs Node itself, kB, in a process started with the options of the product. */
async function bareStreams(): Promise<number> {
  const bare = await start({
    command: process.execPath,
    args: [...START_OPTIONS, BARE],
    cwd: import.meta.dirname,
    env: bareEnv(),
    ready: /^ready (\d+)/m,
  })
  const place = { port: Number(bare.said[1]), path: '/' }
  await warm(place)
  const client = fork(CLIENT, { execArgv: [] })
  try {
    const before_kb = residentOf(bare.pid)
    await ask(client, { ...place, kind: 'open', streams: STREAMS }, 'opened')
    await pause(5_000)
    return (residentOf(bare.pid) - before_kb) / STREAMS
  } finally {
    if (client.connected) client.disconnect()
    await bare.stop()
  }
}

/** A first crowd comes and goes, so that the code is compiled and the heap has grown to its usual size. */
async function warm(place: { readonly port: number; readonly path: string }): Promise<void> {
  const client = fork(CLIENT, { execArgv: [] })
  await ask(client, { ...place, kind: 'open', streams: 500 }, 'opened')
  client.send({ kind: 'close' } satisfies Ask)
  client.disconnect()
  await pause(2_000)
}

function ask<K extends Told['kind']>(
  client: ChildProcess,
  what: Ask,
  kind: K,
): Promise<Extract<Told, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`the clients did not answer «${what.kind}» in time`)),
      DEADLINE_MS,
    )
    client.once('exit', (code) => reject(new Error(`the clients ended with ${code}`)))
    client.once('message', (told: Told) => {
      clearTimeout(late)
      if (told.kind === kind) resolve(told as Extract<Told, { kind: K }>)
      else reject(new Error(`the clients said ${told.kind}`))
    })
    client.send(what)
  })
}

/** Milliseconds until the batch is final. */
async function untilFinal({ base }: Served, bulk_id: string): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`${base}/api/bulk-transfers/${bulk_id}/wait?timeout=${DEADLINE_MS / 1_000}`)
  if (!answer.ok) throw new Error(`wait: ${answer.status} ${await answer.text()}`)
  await pause(1_000) // the last event reaches the last stream
  return performance.now() - started - 1_000
}

/** When each line was settled, in order, by the results that Cauri exports. */
async function settledAt({ base }: Served, bulk_id: string): Promise<number[]> {
  const answer = await fetch(`${base}/api/bulk-transfers/${bulk_id}/results.csv`)
  const [header = '', ...rows] = (await answer.text()).trim().split(/\r?\n/)
  const column = header.split(',').indexOf('completedAt')
  if (column < 0) throw new Error(`no completedAt in ${header}`)
  return rows.map((row) => Date.parse(row.split(',')[column] ?? '')).toSorted((a, b) => a - b)
}

const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN)

const cpuOf = (pid: number): number => usageOf(pid)?.cpu_s ?? Number.NaN
