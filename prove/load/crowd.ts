import { setTimeout as pause } from 'node:timers/promises'
import { openDurations, round, shares, type Durations, type Shares } from './figures.ts'
import { lookAround, send, type Inner } from './visit.ts'

export type Under = Shares & {
  readonly accepted_per_s: number
  readonly figures: Record<string, number>
}

/** So many visits a second, each begun whatever became of the ones before. */
export async function flood(inner: Inner, per_s: number, seconds: number): Promise<Under> {
  const { site, counts, uploads, reads } = inner
  const accepted_before = inner.accepted.size
  const end = performance.now() + seconds * 1_000
  const probes = startProbes(inner, end, await control(inner))
  const before = await site.work()
  const started = performance.now()
  const busy = new Set<Promise<unknown>>()
  for (let sent = 0; performance.now() < end; await pause(5)) {
    const due = ((performance.now() - started) / 1_000) * per_s
    for (; sent < due; sent++) {
      const visit = visitOnce(inner).finally(() => busy.delete(visit))
      busy.add(visit)
    }
  }
  const took_s = (performance.now() - started) / 1_000
  const under = shares(before, await site.work(), took_s)
  const accepted_per_s = (inner.accepted.size - accepted_before) / took_s
  await Promise.all([...busy, probes.done])
  return {
    ...under,
    accepted_per_s,
    figures: {
      load_s: round(took_s),
      offered_uploads_per_s: round(per_s),
      accepted_per_s: round(accepted_per_s),
      paid_lines_per_s: Math.round(under.lines_per_s),
      upload_p50_ms: Math.round(uploads.percentile(50)),
      upload_p99_ms: Math.round(uploads.percentile(99)),
      read_p99_ms: Math.round(reads.percentile(99)),
      health_p99_ms: Math.round(probes.health.percentile(99)),
      control_p99_ms: Math.round(probes.control.percentile(99)),
      ...counts.all(),
    },
  }
}

/** One of a crowd: sends a list (one that was refused before, now and then), and looks at some batch meanwhile. */
async function visitOnce(inner: Inner): Promise<void> {
  const { accepted, refused, random } = inner
  const [again] = refused.values()
  if (again !== undefined) refused.delete(again.key)
  const said = send(inner, again !== undefined && random() < 0.5 ? again : inner.nextList())
  const known = [...accepted.values()]
  const some = known[Math.floor(random() * known.length)]?.bulk_id ?? ''
  await Promise.all([said, lookAround(inner, some)])
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
