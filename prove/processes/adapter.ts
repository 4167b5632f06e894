import { randomUUID } from 'node:crypto'
import { referenceOf } from '../../src/payments/engine/reference.ts'
import { sql } from '../../src/platform/db.ts'
import { transferBody } from '../../test/harness/backend.ts'
import { insist, type Answered } from './client.ts'
import { repeat, type Traffic } from './traffic.ts'
import { PAYEE, type World } from './world.ts'

const INSIST_MS = 120_000

/**
 * What the scheme adapter does to our listener: money that comes in, each transfer asked again and again until it is
 * answered, sometimes twice at once or with another amount; and notifications that are early, late, doubled or forged.
 */
export function startAdapter(world: World): Traffic {
  const state = { stopping: false }
  const random = world.random('adapter')
  const loop = repeat(state, 120, async () => {
    if (world.wants.includes('incoming') || random() < 0.25) await receive(world, random)
    else if (random() < 0.5) await notify(world, random)
  })
  return {
    stop: async () => {
      state.stopping = true
      await loop
    },
  }
}

const call = (
  { backend_port }: World,
  method: 'POST' | 'PUT',
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<Response> =>
  fetch(`http://127.0.0.1:${backend_port}${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    signal,
  })

async function receive(world: World, random: () => number): Promise<void> {
  const { incoming, tally } = world
  const id = uuidOf(random)
  const amount = 1 + Math.floor(random() * 5_000)
  const send = (francs: number): Promise<Answered> =>
    insist(
      `POST /transfers/${id}`,
      (signal) =>
        call(
          world,
          'POST',
          '/transfers',
          transferBody(id, { to: PAYEE.identifier, amount: String(francs) }),
          signal,
        ),
      INSIST_MS,
    )
  try {
    const twice = random() < 0.3
    const answers = await Promise.all(twice ? [send(amount), send(amount)] : [send(amount)])
    if (twice) tally.count('adapter: incoming transfer doubled')
    const [first] = answers
    if (answers.some((answer) => answer.status !== 200 || answer.text !== first?.text))
      tally.blame(`incoming ${id}: ${answers.map(({ status, text }) => `${status} ${text}`).join(', ')}`)
    incoming.set(id, amount)
    if (random() > 0.3) return
    const other = await send(amount + 1)
    tally.count('adapter: incoming transfer altered')
    if (other.status !== 400) tally.blame(`incoming ${id} altered: ${other.status} ${other.text}`)
  } catch (error) {
    tally.blame(String(error))
  }
}

const kinds = ['early', 'late', 'doubled', 'forged'] as const

/** A hint, true or not. Nothing is believed because of it; whether it is heard at all does not matter. */
async function notify(world: World, random: () => number): Promise<void> {
  const kind = kinds[Math.floor(random() * kinds.length)] ?? 'late'
  const reference = kind === 'forged' ? await forgedOne(world, random) : await knownOne(world, kind)
  if (reference === undefined) return
  const state = kind === 'forged' ? (random() < 0.5 ? 'ABORTED' : 'COMMITTED') : 'COMMITTED'
  const body = {
    currentState: 'COMPLETED',
    direction: 'OUTBOUND',
    finalNotification: { transferState: state },
  }
  for (let i = 0; i < (kind === 'doubled' ? 2 : 1); i++) {
    const path = `${random() < 0.5 ? '' : '/api'}/transfers/${reference}`
    const heard = await call(world, 'PUT', path, body, AbortSignal.timeout(2_000)).catch(() => undefined)
    await heard?.arrayBuffer().catch(() => undefined)
    if (heard !== undefined) world.tally.count(`adapter: notification ${kind}`)
  }
}

/** Of a transfer that was paid, or, early, of a line that is not even claimed. */
async function knownOne(world: World, kind: 'early' | 'late' | 'doubled'): Promise<string | undefined> {
  if (kind === 'early') {
    const [line] = await world.db
      .many<{ secret: Buffer; next_seq: number }>(
        sql`select secret, next_seq from payments_batches where open order by id desc limit 1`,
      )
      .catch(() => [])
    return line && referenceOf(line.secret, line.next_seq, 1)
  }
  const latest = (await world.outside.control('GET', '/_sim/latest').catch(() => ({ payments: [] }))) as {
    payments: { reference: string }[]
  }
  return latest.payments[0]?.reference
}

/** An id that nobody has, or that of a line which is being asked about: the worst moment for a lie. */
async function forgedOne({ db }: World, random: () => number): Promise<string | undefined> {
  if (random() < 0.3) return uuidOf(random)
  const rows = await db
    .many<{ rail_reference: string }>(
      sql`select rail_reference from payments_pursuits where state = 'UNCERTAIN' and rail_reference <> '' limit 20`,
    )
    .catch(() => [])
  return rows[Math.floor(random() * rows.length)]?.rail_reference ?? randomUUID()
}

/** A UUIDv4 of the seed. */
function uuidOf(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}
