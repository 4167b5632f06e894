import { setTimeout as pause } from 'node:timers/promises'
import { uploadOf, type List } from './books.ts'
import type { Client, Said } from './client.ts'
import { openDurations, round, type Counts, type Durations } from './figures.ts'
import type { Api } from '../processes/members.ts'
import type { Site } from './site.ts'

/** What the parts of the campaign share. */
export type Inner = {
  readonly site: Site
  readonly member: Api
  readonly client: Client
  readonly nextList: () => List
  readonly accepted: Map<string, { readonly list: List; readonly bulk_id: string }>
  /** Lists whose upload got no answer: what became of them is not known. */
  readonly unknown: Map<string, List>
  readonly refused: Map<string, List>
  readonly wrong: string[]
  readonly counts: Counts
  readonly uploads: Durations
  readonly random: () => number
}

export type Under = {
  readonly accepted_per_s: number
  readonly lines_per_s: number
  readonly lines_per_cpu_s: number
  readonly figures: Record<string, number>
}

/** An arrival whatever became of the ones before: an upload, three reads and a stream. */
export async function flood(inner: Inner, per_s: number, seconds: number): Promise<Under> {
  const { site, counts } = inner
  const [reads, accepted_before] = [openDurations(), inner.accepted.size]
  const end = performance.now() + seconds * 1_000
  const probes = startProbes(inner, end, await control(inner))
  const before = await site.work()
  const started = performance.now()
  const busy = new Set<Promise<unknown>>()
  for (let sent = 0; performance.now() < end; await pause(5)) {
    const due = ((performance.now() - started) / 1_000) * per_s
    for (; sent < due; sent++) {
      const visit = visitOnce(inner, reads).finally(() => busy.delete(visit))
      busy.add(visit)
    }
  }
  const took_s = (performance.now() - started) / 1_000
  const after = await site.work()
  const lines_per_s = (after.lines - before.lines) / took_s
  const accepted_per_s = (inner.accepted.size - accepted_before) / took_s
  await Promise.all([...busy, probes.done])
  return {
    lines_per_s,
    lines_per_cpu_s: (after.lines - before.lines) / (after.cpu_s - before.cpu_s),
    accepted_per_s,
    figures: {
      load_s: round(took_s),
      offered_uploads_per_s: round(per_s),
      accepted_per_s: round(accepted_per_s),
      paid_lines_per_s: Math.round(lines_per_s),
      upload_p50_ms: Math.round(inner.uploads.percentile(50)),
      upload_p99_ms: Math.round(inner.uploads.percentile(99)),
      read_p99_ms: Math.round(reads.percentile(99)),
      health_p99_ms: Math.round(probes.health.percentile(99)),
      control_p99_ms: Math.round(probes.control.percentile(99)),
      ...counts.all(),
    },
  }
}

/** One of a crowd: sends a list (one that was refused before, now and then), looks at some batch, and follows it. */
async function visitOnce(inner: Inner, reads: Durations): Promise<void> {
  const { client, member, accepted, refused, counts, random } = inner
  const [again] = refused.values()
  if (again !== undefined) refused.delete(again.key)
  const said = send(inner, again !== undefined && random() < 0.5 ? again : inner.nextList())
  const known = [...accepted.values()]
  const some = known[Math.floor(random() * known.length)]?.bulk_id ?? ''
  const look = async (path: string): Promise<void> => {
    const begun = performance.now()
    const { status, retry_after, text } = await client.ask(member.base(), 'GET', path)
    if (status === 200) reads.note(performance.now() - begun)
    counts.add(`reads_${status === 200 ? 'answered' : status === 0 ? 'lost' : 'refused'}`)
    if (status !== 200 && status !== 0 && (status !== 503 || retry_after === undefined))
      inner.wrong.push(`GET ${path}: ${status} ${text.slice(0, 200)}`)
  }
  await Promise.all([
    said,
    look(`/api/bulk-transfers/${some}/status?limit=100`),
    look('/api/bulk-transfers/history?limit=20'),
    look('/api/accounts'),
    follow(inner, some),
  ])
}

/** Opens a stream and reads it for two seconds. */
async function follow({ member, counts, wrong }: Inner, bulk_id: string): Promise<void> {
  const over = AbortSignal.timeout(2_000)
  const url = `${member.base()}/api/bulk-transfers/${bulk_id}/stream`
  try {
    const answer = await fetch(url, { signal: over })
    counts.add(answer.status === 200 ? 'streams_opened' : 'streams_refused')
    if (answer.status !== 200 && (answer.status !== 503 || !answer.headers.has('retry-after')))
      wrong.push(`stream: ${answer.status} ${await answer.text()}`)
    for await (const _piece of answer.body ?? []) counts.add('stream_pieces')
  } catch {
    if (!over.aborted) counts.add('streams_lost') // else it was we who left
  }
}

/** Sends a list once and keeps what its client now knows. */
export async function send(inner: Inner, list: List): Promise<Said> {
  const { client, member, counts, uploads } = inner
  const begun = performance.now()
  const said = await client.upload(member.base(), uploadOf(list))
  counts.add(`uploads_${said.kind}`)
  if (said.kind === 'accepted') {
    uploads.note(performance.now() - begun)
    inner.accepted.set(list.key, { list, bulk_id: said.bulk_id })
    inner.unknown.delete(list.key)
  } else if (said.kind === 'refused') inner.refused.set(list.key, list)
  else {
    inner.unknown.set(list.key, list)
    if (said.kind === 'wrong') inner.wrong.push(`upload ${list.key}: ${said.why}`)
  }
  return said
}

/** A batch to pause and resume while there is too much to do. */
async function control(inner: Inner): Promise<string> {
  const said = await send(inner, inner.nextList())
  if (said.kind !== 'accepted') throw new Error(`before the load: ${JSON.stringify(said)}`)
  return said.bulk_id
}

type Probes = { readonly health: Durations; readonly control: Durations; readonly done: Promise<unknown> }

/** Looks at /health twenty times a second, and pauses and resumes a batch twice a second, until the end. */
function startProbes(inner: Inner, end: number, bulk_id: string): Probes {
  const { client, member, counts, wrong } = inner
  const [health, steering] = [openDurations(), openDurations()]
  const beat = async (gap_ms: number, ask: () => Promise<void>): Promise<void> => {
    for (; performance.now() < end; await pause(gap_ms)) await ask()
  }
  const look = async (): Promise<void> => {
    const begun = performance.now()
    const { status } = await client.ask(member.base(), 'GET', '/health')
    health.note(performance.now() - begun)
    if (status !== 200) wrong.push(`/health: ${status}`)
  }
  let verb: 'pause' | 'resume' = 'pause'
  const steer = async (): Promise<void> => {
    const begun = performance.now()
    const { status } = await client.ask(member.base(), 'POST', `/api/bulk-transfers/${bulk_id}/${verb}`)
    steering.note(performance.now() - begun)
    // 409: it is final by now.
    counts.add(status === 200 || status === 409 ? 'control_answered' : 'control_refused')
    verb = verb === 'pause' ? 'resume' : 'pause'
  }
  const stop = async (): Promise<void> => {
    await client.ask(member.base(), 'POST', `/api/bulk-transfers/${bulk_id}/resume`)
  }
  return { health, control: steering, done: Promise.all([beat(50, look), beat(500, steer).then(stop)]) }
}
