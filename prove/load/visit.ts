import { uploadOf, type List } from './books.ts'
import type { Client, Said } from './client.ts'
import type { Counts, Durations } from './figures.ts'
import { followBatch } from './stream.ts'
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
  readonly reads: Durations
  readonly random: () => number
}

const FOLLOWS_MS = 2_000

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

/** What whoever sends a list also does, in the usual load and in the crowd alike: three reads and a stream. */
export async function lookAround(inner: Inner, bulk_id: string): Promise<void> {
  await Promise.all([
    look(inner, `/api/bulk-transfers/${bulk_id}/status?limit=100`),
    look(inner, '/api/bulk-transfers/history?limit=20'),
    look(inner, '/api/accounts'),
    follow(inner, bulk_id),
  ])
}

/** One read. One that is refused is refused in the form that is promised. */
async function look({ client, member, reads, counts, wrong }: Inner, path: string): Promise<void> {
  const begun = performance.now()
  const { status, retry_after, text } = await client.ask(member.base(), 'GET', path)
  if (status === 200) reads.note(performance.now() - begun)
  counts.add(`reads_${status === 200 ? 'answered' : status === 0 ? 'lost' : 'refused'}`)
  if (status !== 200 && status !== 0 && (status !== 503 || retry_after === undefined))
    wrong.push(`GET ${path}: ${status} ${text.slice(0, 200)}`)
}

/** Opens a stream and reads it for two seconds, or to its end. What it says never goes back. */
async function follow({ member, counts, wrong }: Inner, bulk_id: string): Promise<void> {
  const until = AbortSignal.timeout(FOLLOWS_MS)
  const onEvent = (): void => counts.add('stream_events')
  const { ending, status, retry_after, backwards } = await followBatch(member.base(), bulk_id, {
    until,
    onEvent,
  })
  if (backwards > 0) wrong.push(`a stream of ${bulk_id} went back`)
  if (status === 200) counts.add(ending === 'cut' ? 'streams_cut' : 'streams_opened')
  else if (status === undefined) counts.add(ending === 'left' ? 'streams_waiting' : 'streams_lost')
  else {
    counts.add('streams_refused')
    if (status !== 503 || retry_after === undefined) wrong.push(`stream of ${bulk_id}: ${status}`)
  }
}
