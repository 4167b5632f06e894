import { setTimeout as pause } from 'node:timers/promises'
import { sql } from '../../src/platform/db.ts'
import { postJson, upload } from './client.ts'
import { csvOf, newList, PAYER, type Manner } from './lists.ts'
import { freshLines, type World } from './world.ts'

/** What clients do to the API, whatever dies. `stop` lets each finish what it has begun. */
export type Traffic = { readonly stop: () => Promise<void> }

/** Below this many open lines another list is sent. */
const LOW = 450
/** Several kills, a frozen server and a slow start may lie between a request and its answer. */
const INSIST_MS = 120_000

export function startTraffic(world: World): Traffic {
  const state = { stopping: false }
  const loops = [repeat(state, 80, uploader(world)), repeat(state, 150, actor(world))]
  return {
    stop: async () => {
      state.stopping = true
      await Promise.all(loops)
    },
  }
}

/** Does one thing after the other until it is told to stop. */
export async function repeat(
  state: { readonly stopping: boolean },
  pause_ms: number,
  once: () => Promise<void>,
): Promise<void> {
  while (!state.stopping) {
    await once()
    await pause(pause_ms)
  }
}

/** Keeps lists flowing: a new one when few lines are open, or one is wanted now. */
function uploader(world: World): () => Promise<void> {
  return async () => {
    if (world.resting) return
    const open = await freshLines(world)
    const most = world.wants.includes('upload') ? 4 * LOW : LOW
    if (open !== undefined && open < most) await sendList(world)
  }
}

/** Sends the next list. One that was not taken is tried again: it is the same list, under the same key. */
async function sendList(world: World): Promise<void> {
  const { accepted, seed, tally } = world
  const n = accepted.size
  const random = world.random(`list ${n}`)
  const lines = 80 + Math.floor(random() * 120)
  const special = new Map<number, Manner>()
  for (let i = 0; i < lines; i++) {
    const draw = random()
    if (draw < 0.02) special.set(i, 'refuses')
    else if (draw < 0.03) special.set(i, 'has no liquidity')
  }
  if (random() < 0.05) special.set(Math.floor(random() * lines), 'stays silent')
  const list = newList(n, lines, special)
  const key = `list-${seed}-${n}`
  const callback = random() < 0.4 ? { callback_url: world.hook_url(key) } : {}
  const what = { key, csv: csvOf(list), payer_account: PAYER, ...callback }
  try {
    const bulk_id = await upload(world.api.base, what, INSIST_MS)
    accepted.set(n, { list, bulk_id, key: 'callback_url' in callback ? key : '' })
    tally.add('batches', 1)
    tally.add('lines', lines)
  } catch (error) {
    tally.blame(`stuck: an upload was not taken: ${String(error)}`)
  }
}

/** Cancels, or pauses and resumes, a batch that is under way. */
function actor(world: World): () => Promise<void> {
  const random = world.random('acts')
  let acts = 0
  return async () => {
    const draw = random()
    const wish = world.wants.find((want) => want === 'cancel' || want === 'pause')
    const verb = wish ?? (draw < 0.004 ? 'cancel' : draw < 0.03 ? 'pause' : undefined)
    if (verb === undefined || world.resting) return
    const bulk_id = await pickOpen(world, random())
    if (bulk_id === undefined) return
    const key = `act-${world.seed}-${++acts}`
    if (verb === 'cancel') {
      await act(world, bulk_id, 'cancel', key)
      await pause(1_000) // what is cancelled is paid to nobody
      return
    }
    await act(world, bulk_id, 'pause', key)
    await pause(100 + random() * 400)
    await act(world, bulk_id, 'resume', `${key}-resume`)
  }
}

async function act(
  world: World,
  bulk_id: string,
  verb: 'cancel' | 'pause' | 'resume',
  key: string,
): Promise<void> {
  const url = (): string => `${world.api.base()}/api/bulk-transfers/${bulk_id}/${verb}`
  try {
    const { status, text } = await postJson(url, key, { reason: 'prove' }, INSIST_MS)
    // It may be final by now, or have nothing left to cancel.
    if (status !== 200 && status !== 409) world.tally.blame(`${verb} of ${bulk_id}: ${status} ${text}`)
    if (status === 200) world.tally.add(`${verb}s`, 1)
  } catch (error) {
    world.tally.blame(String(error))
  }
}

/** A batch with lines that nobody has claimed: one that is being paid, or one of the next. */
async function pickOpen({ db }: World, place: number): Promise<string | undefined> {
  const rows = await db
    .many<{ bulk_id: string }>(
      sql`
        select b.bulk_id from bulk_batches b join payments_batches p on p.id = b.id
        where p.open and not p.paused order by b.id limit 3`,
    )
    .catch(() => []) // the database may be away
  return rows[Math.floor(place * rows.length)]?.bulk_id
}
