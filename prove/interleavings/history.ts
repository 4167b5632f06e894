import { checkAll } from '../../src/integrity/index.ts'
import { findAccount } from '../../src/payments/index.ts'
import { sql } from '../../src/platform/db.ts'
import { decisions } from './deciding.ts'
import type { Scene, Told } from './scene.ts'

export type Findings = {
  readonly twice: string[]
  readonly lost: string[]
  readonly stuck: string[]
  readonly invariants: string[]
  /** Somebody was told what is not so. */
  readonly lies: string[]
}

type Line = {
  readonly batch_id: bigint
  readonly seq: number
  readonly transfer_id: string
  readonly state: string
  readonly amount: bigint
  readonly party_identifier: string
}

/** Holds everything that one schedule left against what the outside did and against what everybody was told. */
export async function judge(scene: Scene): Promise<Findings> {
  const lines = await scene.db.many<Line>(sql`
    select l.batch_id, l.seq, l.transfer_id, l.state, l.amount, l.party_identifier
    from payments_lines l join payments_batches b on b.id = l.batch_id where b.connection_id = ${scene.settings.id}
    order by l.batch_id, l.seq`)
  const found: Findings = { twice: [], lost: [], stuck: [], invariants: [], lies: [] }
  for (const breach of await checkAll(scene.db))
    found.invariants.push(`${breach.id}, ${breach.invariant}: ${breach.found}`)
  againstOutside(scene, lines, found)
  await money(scene, found)
  await lies(scene, found)
  return found
}

/** The outside's own log: nobody twice, each PAID line once, no other at all. Lines in REVIEW may be either. */
function againstOutside(scene: Scene, lines: readonly Line[], found: Findings): void {
  const paid = Map.groupBy(scene.outside.paid, (payment) => payment.payee)
  const ours = Map.groupBy(lines, (line) => line.party_identifier)
  for (const [payee, payments] of paid) {
    if (payments.length > 1)
      found.twice.push(
        `${payee} was paid ${payments.length} times: ${payments.map((p) => p.reference).join(', ')}`,
      )
    if (!ours.has(payee)) found.lost.push(`${payee} was paid, and no line names them`)
  }
  found.lost.push(...scene.outside.wrong)
  for (const [payee, same] of ours) {
    const name = same.map((line) => `${line.batch_id}:${line.seq} ${line.state}`).join(', ')
    const payments = paid.get(payee)?.length ?? 0
    const said = same.filter((line) => line.state === 'PAID').length
    const open = same.filter((line) => line.state === 'REVIEW').length
    if (said > payments) found.lost.push(`${payee} was never paid: ${name}`)
    if (said + open < payments) found.lost.push(`${payee} was paid and we say otherwise: ${name}`)
  }
  for (const line of lines)
    if (!['PAID', 'FAILED', 'CANCELLED', 'REVIEW'].includes(line.state))
      found.stuck.push(`line ${line.batch_id}:${line.seq} is ${line.state}`)
}

const saidTo = (scene: Scene, use_cases: RegExp, of?: string): Told[] =>
  scene.told.filter((one) => use_cases.test(one.use_case) && (of === undefined || one.of === of))

/** The payer's franc: what came in is there, is held, or was paid out; nothing was a loss. */
async function money(scene: Scene, found: Findings): Promise<void> {
  const { db, settings } = scene
  const account = await findAccount(db, scene.maker.organization_id, scene.account_id)
  const { topped } = await db.one<{ topped: bigint }>(sql`
    select coalesce(sum(amount) filter (where amount > 0), 0)::bigint as topped
    from ledger_lines l join ledger_entries e on e.id = l.entry_id
    where e.reason = ${`account.topped-up:${scene.account_id}:slip-1`}`)
  // Told «false», it was there before: by a commit whose answer was lost. Told nothing, it may be there or not.
  const told = saidTo(scene, /^top up$/).find((one) => one.said === 'true' || one.said === 'false')
  if (told !== undefined && topped !== told.amount)
    found.lost.push(`a top-up of ${told.amount} was told, ${topped} is there`)
  const { paid, fees, borne } = await db.one<{ paid: bigint; fees: bigint; borne: bigint }>(sql`
    select coalesce(sum(b.completed_amount), 0)::bigint as paid, coalesce(sum(b.fees), 0)::bigint as fees,
      coalesce((select sum(f.amount) from payments_fee_questions f join payments_batches o on o.id = f.batch_id
        where o.connection_id = ${settings.id} and (f.confirmed_by is null or f.borne_by = 'HOUSE')), 0)::bigint as borne
    from payments_batches b where b.connection_id = ${settings.id}`)
  const { credited } = await db.one<{ credited: bigint }>(sql`
    select coalesce(sum(amount), 0)::bigint as credited from payments_incoming
    where transfer_id = ${`in-${scene.name}`} and state = 'COMMITTED'`)
  const due = scene.opening + topped + credited - paid - fees + borne
  if (account.balance !== due) found.lost.push(`the payer has ${account.balance} and should have ${due}`)
  const { loss } = await db.one<{ loss: bigint }>(sql`
    select coalesce(sum(balance), 0)::bigint as loss from ledger_accounts where code = ${`loss:${settings.id}`}`)
  if (loss !== 0n) found.lost.push(`a loss of ${-loss} was booked`)
}

/** What everybody was told, against what is stored. */
async function lies(scene: Scene, found: Findings): Promise<void> {
  const lie = (words: string): void => void found.lies.push(words)
  const stored = await scene.db.many<{
    bulk_id: string
    state: string
    file_name: string
    parent: string | null
    cancelled: number
  }>(sql`
    select b.bulk_id, b.state, b.file_name, b.parent, b.cancelled from bulk_public_batches b
    where b.payer_account = ${scene.account_id}`)
  const ids = new Set(stored.map((row) => row.bulk_id))
  for (const one of saidTo(scene, /^send|^pay failed/))
    if (one.said.startsWith('bulk-') && !ids.has(one.said))
      lie(`${one.who} was told ${one.said}, which is not there`)
  const told = new Set(saidTo(scene, /^send|^pay failed|^first/).map((one) => one.said))
  for (const row of stored) if (!told.has(row.bulk_id)) lie(`${row.bulk_id} is there, and nobody was told`)
  for (const name of ['A', 'B']) {
    const same = stored.filter((row) => row.file_name === `${name}.csv` && row.parent === null)
    const live = same.filter((row) => row.state !== 'CANCELLED')
    if (live.length > 1) lie(`list ${name} was taken ${live.length} times`)
  }
  const keyed = saidTo(scene, /with a key$/)
  if (keyed.some((one) => one.said.startsWith('bulk-')))
    for (const one of keyed)
      if (one.said === 'refused SAME_LIST') lie(`${one.who} was refused what its own key had done`)
  for (const one of saidTo(scene, /^cancel$/)) {
    const by_now = Number(/(\d+) by now/.exec(one.said)?.[1] ?? 0)
    const row = stored.find((batch) => batch.bulk_id === one.of)
    if (row !== undefined && row.cancelled < by_now)
      lie(`${one.of}: told «${one.said}», stored ${row.cancelled}`)
  }
  onlyOnce(scene, lie)
  await decisions(scene, lie)
  afterHold(scene, lie)
  for (const one of saidTo(scene, /^hourly check$/))
    if (one.said.startsWith('check failed')) lie(`in the middle: ${one.said}`)
}

/** What can be done once was granted to one. */
function onlyOnce(scene: Scene, lie: (words: string) => void): void {
  const count = (use_cases: RegExp, granted: (said: string) => boolean): void => {
    const by_subject = Map.groupBy(
      saidTo(scene, use_cases).filter((one) => !one.of.startsWith('propose') && granted(one.said)),
      (one) => one.of,
    )
    for (const [of, all] of by_subject)
      if (all.length > 1)
        lie(`${of} was granted ${all.length} times: ${all.map((one) => one.said).join(', ')}`)
  }
  count(/^top up$/, (said) => said === 'true')
  count(/^close a review$/, (said) => said === 'PAID' || said === 'REFUSED')
  count(/^answer a fee/, (said) => said === 'PAYER' || said === 'HOUSE')
  const taken = new Set(
    saidTo(scene, /^take in/)
      .filter((one) => !one.said.startsWith('refused'))
      .map((one) => one.said.split(' ')[1]),
  )
  if (taken.size > 1) lie(`one transfer was taken in under ${taken.size} references`)
  const words = saidTo(scene, /^conclude/)
    .filter((one) => one.said === 'done')
    .map((one) => one.of.split(' ')[1])
  if (new Set(words).size > 1) lie(`a transfer was concluded as ${words.join(' and ')}`)
}

/** After everything was held, nothing is claimed any more. */
function afterHold(scene: Scene, lie: (words: string) => void): void {
  const [later] = saidTo(scene, /^let go on$/)
  for (const one of saidTo(scene, /^hold$/))
    if (one.said !== later?.said && one.said !== 'not known')
      lie(`${one.said} lines were claimed when everything was held, ${later?.said} when it was let go on`)
}
