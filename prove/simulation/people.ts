import { cancelBatch, pauseBatch } from '../../src/payments/batch.ts'
import { confirmFeeQuestion, proposeFeeQuestion } from '../../src/payments/fee-question.ts'
import { hint } from '../../src/payments/line.ts'
import { confirmReview, proposeReview } from '../../src/payments/review.ts'
import type { Db, Tx } from '../../src/platform/db.ts'
import { sha256 } from '../../src/platform/ids.ts'
import type { Statements } from './memory/statements.ts'
import { openPayer, reserveBatch } from './memory/reserve.ts'
import { nextId, type BatchRow } from './memory/tables.ts'
import type { Outside } from './outside.ts'
import type { World } from './plan.ts'
import type { Given } from './workers.ts'

export type PeopleDeps = World &
  Pick<Given, 'ports' | 'handlers'> & {
    readonly statements: Statements
    readonly outside: Outside
    readonly db: Db
    /** From here on there are no faults, and nobody cancels or holds anything. */
    readonly quiet_at: number
    readonly wake: () => void
  }

export type People = {
  /** True when they will do nothing more. */
  readonly done: () => boolean
  /** The transfer ids of lines that people closed. */
  readonly closed: ReadonlySet<string>
}

/** Those who upload, cancel and hold batches, look at what is in doubt, and the rail's notifications. */
export function openPeople(deps: PeopleDeps): People {
  const { time, random, tables, quiet_at } = deps
  const closed = new Set<string>()
  let uploads = random.whole(2, 4)
  const payers = [openPayer(tables, 'ana'), openPayer(tables, 'ben')]
  const upload = (): void => {
    uploads -= 1
    newBatch(deps, random.pick([payers[0] ?? 0n, payers[1] ?? 0n]))
    if (random.chance(0.5)) deps.wake()
  }
  for (let i = uploads; i > 0; i--) time.after(random.between(0, quiet_at / 2), 'uploads', upload)
  const acting = (): void => {
    if (time.now() >= quiet_at) return resumeAll(deps)
    for (const batch of tables.batches.values()) act(deps, batch)
    time.after(random.between(500, 4_000), 'people', acting)
  }
  time.after(random.between(500, 4_000), 'people', acting)

  let rounds = random.chance(0.6) ? 40 : 0
  let looking = false
  const look = (): void => {
    if (rounds-- <= 0) return
    looking = true
    void reviewAll(deps, closed).then((open) => {
      looking = false
      if (time.now() > quiet_at && open === 0) rounds = Math.min(rounds, 8)
    })
    time.after(random.between(2_000, 6_000), 'reviewers', look)
  }
  time.after(random.between(2_000, 10_000), 'reviewers', look)
  const isPaused = (): boolean =>
    [...tables.batches.values()].some((batch) => batch.paused && batch.finished_at === null)
  return { done: () => uploads === 0 && !looking && !isPaused(), closed }
}

/** A batch, reserved. Payees repeat now and then: one call at a time for each. */
function newBatch({ random, tables, plan }: PeopleDeps, account_id: bigint): void {
  const id = nextId(tables)
  const total = random.whole(1, 12)
  const fee_cap = random.pick([0n, 0n, 5n])
  const lines = Array.from({ length: total }, (_, i) => ({
    transfer_id: `t-${id}-${i + 1}`,
    amount: BigInt(random.whole(1, 900)),
    party_identifier: random.chance(0.8) ? `${id}-${i + 1}` : 'often',
  }))
  const secret = sha256(`secret ${id} ${random.next()}`).subarray(0, 16)
  reserveBatch(tables, { id, connection_id: plan.settings.id, account_id, secret, fee_cap, lines })
}

/** What is refused, or lost on the way, people simply leave. */
const tryTo = (deps: PeopleDeps, work: (tx: Tx) => Promise<unknown>): Promise<boolean> =>
  deps.db.tx(work).then(
    () => true,
    () => false,
  )

function act(deps: PeopleDeps, batch: BatchRow): void {
  const { random, faults, ports, handlers, tables, db } = deps
  const { id } = batch
  if (batch.finished_at !== null) return
  if (random.chance(0.12) && faults.strike('people: cancel')) {
    void tryTo(deps, (tx) => cancelBatch(tx, id, handlers, ports))
    if (faults.strike('people: cancel twice')) void tryTo(deps, (tx) => cancelBatch(tx, id, handlers, ports))
  }
  if (random.chance(batch.paused ? 0.4 : 0.1) && faults.strike('people: pause')) {
    const paused = !batch.paused
    void tryTo(deps, (tx) => pauseBatch(tx, id, paused, paused ? 'a test' : null, ports))
  }
  if (random.chance(0.3) && faults.strike('people: hint'))
    for (const pursuit of tables.pursuits.values()) {
      const times = faults.strike('people: hint again and again') ? 4 : 1
      for (let i = 0; i < times; i++) void hint(db, pursuit.rail_reference, ports).catch(() => undefined)
    }
  if (random.chance(0.2) && faults.strike('people: forged hint'))
    void hint(db, `forged-${random.whole(1, 99)}`, ports).catch(() => undefined)
}

/** When faults are over, what was held goes on, also what was being held just then. */
function resumeAll(deps: PeopleDeps): void {
  const held = [...deps.tables.batches.values()].filter((b) => b.paused && b.finished_at === null)
  for (const { id } of held) void tryTo(deps, (tx) => pauseBatch(tx, id, false, null, deps.ports))
  const late = deps.time.now() < deps.quiet_at + 20_000
  if (late || held.length > 0) deps.time.after(1_000, 'people', () => resumeAll(deps))
}

/** Two people close what the rail's staff can tell them about. Answers how many of these were open. */
async function reviewAll(deps: PeopleDeps, closed: Set<string>): Promise<number> {
  const { statements, outside, tables, faults, ports } = deps
  let n = 0
  for (const { batch_id, seq, transfer_id } of statements.selectReviews(null, null, 50)) {
    const found = outside.lookUp(transfer_id)
    if (found === undefined || found === 'other') continue
    n += 1
    const outcome = found === 'paid' ? 'PAID' : 'REFUSED'
    const line = { batch_id, seq }
    const evidence = { evidence_name: 'letter.pdf', evidence: Buffer.alloc(0) }
    await tryTo(deps, (tx) => proposeReview(tx, { ...line, outcome, ...evidence, by: 'ana' }, ports))
    if (faults.strike('people: one person as two'))
      await tryTo(deps, (tx) => confirmReview(tx, line, 'Ana ', deps.handlers, ports))
    closed.add(transfer_id)
    await tryTo(deps, (tx) => confirmReview(tx, line, 'ben', deps.handlers, ports))
  }
  for (const key of tables.fee_questions.keys()) {
    const [batch = '', seq = ''] = key.split(':')
    const line = { batch_id: BigInt(batch), seq: Number(seq) }
    const borne_by = deps.random.pick<'PAYER' | 'HOUSE'>(['PAYER', 'HOUSE'])
    await tryTo(deps, (tx) => proposeFeeQuestion(tx, line, borne_by, 'ana', ports))
    await tryTo(deps, (tx) => confirmFeeQuestion(tx, line, 'ben', ports))
  }
  return n
}
