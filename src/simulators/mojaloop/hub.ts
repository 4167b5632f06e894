import type { Clock } from '../clock.ts'
import type { DurableLog } from '../durable-log.ts'
import { doneAt, openRecords, orderOfTransfer, otherLine, transferLine } from './hub-records.ts'
import type { LogLine, Prepare, Refund, Transfer } from './hub-records.ts'
import { ilpPacketOf, sealOf } from './ilp.ts'
import { modifiedRequest, scenarioOf } from './magic.ts'
import type { ErrorInformation, Scenario } from './magic.ts'

/** What the hub calls back: a state (with the fulfilment when there is one), or an error. */
export type Notice =
  | { readonly kind: 'state'; readonly transfer: Transfer; readonly fulfilment?: string }
  | { readonly kind: 'error'; readonly error: ErrorInformation }

export type Hub = {
  /**
   * Takes an order. `told` runs when the hub calls back, after what it says is in the durable log; perhaps never. The
   * same id again never moves money again: the stored result is told, or 3106 when the order differs.
   */
  readonly prepare: (order: Prepare, told: (notice: Notice) => void) => void
  /** What a query finds: nothing for an id that the hub does not know, or denies that it knows. */
  readonly find: (id: string) => Transfer | undefined
  readonly payerIndex: (from: Readonly<Record<string, unknown>>) => number
  readonly payer: (index: number) => Readonly<Record<string, unknown>> | undefined
  /** Everything that moved, oldest first. */
  readonly paid: readonly (Transfer | Refund)[]
  /** Takes a line of the log back at start. */
  readonly replay: (line: LogLine) => void
  /** After the last line: plans again what was still to come. */
  readonly resume: () => void
}

export type HubWorld = {
  readonly clock: Clock
  /** The log may not be open yet while it is replayed. */
  readonly log: () => DurableLog
  readonly latency_ms: () => number
}

type Inner = {
  readonly world: HubWorld
  readonly transfers: Map<string, Transfer>
  readonly paid: (Transfer | Refund)[]
  readonly record: ReturnType<typeof openRecords>
  readonly waiters: Map<string, ((notice: Notice) => void)[]>
}

/** Opens the hub: its transfers, and the list of what it really moved. */
export function openHub(world: HubWorld): Hub {
  const inner: Inner = { world, transfers: new Map(), paid: [], record: openRecords(), waiters: new Map() }
  const payers = openPayers(world)
  return {
    prepare: (order, told) => prepare(inner, order, told),
    find: (id) => find(inner, id),
    payerIndex: payers.indexOf,
    payer: payers.get,
    paid: inner.paid,
    replay: (line) => replay(inner, payers.learn, line),
    resume: () => resume(inner),
  }
}

function prepare(hub: Inner, order: Prepare, told: (notice: Notice) => void): void {
  const known = hub.transfers.get(order.id)
  if (known !== undefined) return answerAgain(hub, known, order, told)
  const transfer = hub.record(order, hub.world.clock.now(), 'RESERVED', -1)
  hub.transfers.set(order.id, transfer)
  accept(hub, transfer, told)
}

function accept(hub: Inner, transfer: Transfer, told: (notice: Notice) => void): void {
  const { clock, log } = hub.world
  const scenario = scenarioOf(transfer.terms.code)
  const latency_ms = hub.world.latency_ms()
  const delay_ms = (scenario.commits_after_s ?? 0) * 1000 + latency_ms
  if (scenario.told !== 'never') hub.waiters.set(transfer.id, [told])
  if (delay_ms === 0) return finish(hub, transfer, false)
  log().append(transferLine(transfer))
  if (delay_ms < Number.POSITIVE_INFINITY) clock.after(delay_ms, () => finish(hub, transfer, true))
  if (tellsReserved(scenario)) clock.after(latency_ms, () => log().settled(() => tell(hub, transfer)))
}

/** RESERVED is told as such, and the end of it is not told any more. */
const tellsReserved = (scenario: Scenario): boolean =>
  scenario.commits_after_s !== undefined && scenario.told === undefined

function answerAgain(hub: Inner, transfer: Transfer, order: Prepare, told: (notice: Notice) => void): void {
  if (!isSameOrder(transfer, order)) return told({ kind: 'error', error: modifiedRequest })
  const scenario = scenarioOf(transfer.terms.code)
  if (transfer.state !== 'RESERVED' || tellsReserved(scenario))
    return hub.world.log().settled(() => told(noticeOf(transfer)))
  if (scenario.told === 'never') return
  const others = hub.waiters.get(transfer.id)
  if (others === undefined) hub.waiters.set(transfer.id, [told])
  else others.push(told)
}

/** Ends a transfer: writes it down, then tells. `is_logged`: its acceptance has a line already. */
function finish(hub: Inner, transfer: Transfer, is_logged: boolean): void {
  const state = scenarioOf(transfer.terms.code).transfer === undefined ? 'COMMITTED' : 'ABORTED'
  transfer.state = state
  transfer.took_ms = hub.world.clock.now() - transfer.at
  const line = is_logged
    ? otherLine({ k: 'state', id: transfer.id, state, at: doneAt(transfer) })
    : transferLine(transfer)
  hub.world.log().append(line, () => {
    if (state === 'COMMITTED') hub.paid.push(transfer)
    tell(hub, transfer)
  })
  if (state === 'COMMITTED') planReversal(hub, transfer)
}

function tell(hub: Inner, transfer: Transfer): void {
  const told = hub.waiters.get(transfer.id)
  if (told === undefined) return
  hub.waiters.delete(transfer.id)
  const notice = noticeOf(transfer)
  for (const run of told) run(notice)
}

function planReversal(hub: Inner, transfer: Transfer): void {
  const after_s = scenarioOf(transfer.terms.code).reversed_after_s
  if (after_s === undefined) return
  const { clock, log } = hub.world
  clock.at(doneAt(transfer) + after_s * 1000, () => {
    const at = clock.now()
    log().append(otherLine({ k: 'refund', id: transfer.id, at }), () => hub.paid.push({ of: transfer, at }))
  })
}

function find(hub: Inner, id: string): Transfer | undefined {
  const transfer = hub.transfers.get(id)
  const is_denied = transfer?.state === 'RESERVED' && scenarioOf(transfer.terms.code).hidden === true
  return is_denied ? undefined : transfer
}

function resume(hub: Inner): void {
  const refunded = new Set(hub.paid.map((entry) => ('of' in entry ? entry.of.id : undefined)))
  for (const transfer of hub.transfers.values()) {
    if (transfer.state === 'COMMITTED' && !refunded.has(transfer.id)) planReversal(hub, transfer)
    if (transfer.state !== 'RESERVED') continue
    const due_ms = transfer.at + (scenarioOf(transfer.terms.code).commits_after_s ?? 0) * 1000
    if (due_ms < Number.POSITIVE_INFINITY) hub.world.clock.at(due_ms, () => finish(hub, transfer, true))
  }
}

/** Amounts, currency and party must be those of the first order; another condition alone cannot happen here. */
const isSameOrder = (a: Transfer, b: Prepare): boolean =>
  a.amount === b.amount && a.terms.fee === b.fee && a.terms.currency === b.currency && a.party === b.party

/** What the hub says of a transfer, now or later: always the same for the same state. */
export function noticeOf(transfer: Transfer): Notice {
  const refusal = scenarioOf(transfer.terms.code).transfer
  if (transfer.state === 'ABORTED' && refusal !== undefined && refusal !== 'aborted')
    return { kind: 'error', error: refusal }
  if (transfer.state !== 'COMMITTED') return { kind: 'state', transfer }
  return { kind: 'state', transfer, fulfilment: fulfilmentOfTransfer(transfer) }
}

/** The packet that was quoted for a transfer, made again. */
export const packetOf = (order: Prepare): string =>
  ilpPacketOf({
    transaction_id: order.transaction_id === '' ? order.id : order.transaction_id,
    party_type: order.party_type,
    party: order.party,
    fee: order.fee,
  })

/** The fulfilment that the payee gave, right or (scenario 008) wrong. */
export function fulfilmentOfTransfer(transfer: Transfer): string {
  const packet = packetOf(orderOfTransfer(transfer))
  return sealOf(scenarioOf(transfer.terms.code).wrong_fulfilment === true ? `${packet}.` : packet).fulfilment
}

type Payers = {
  readonly indexOf: Hub['payerIndex']
  readonly get: Hub['payer']
  readonly learn: (from: Readonly<Record<string, unknown>>) => void
}

/** Payers are few and repeat on every transfer: each is written once and named by its place. */
function openPayers(world: HubWorld): Payers {
  const list: Readonly<Record<string, unknown>>[] = []
  const places = new Map<string, number>()
  const learn = (from: Readonly<Record<string, unknown>>): void => {
    places.set(JSON.stringify(from), list.length)
    list.push(from)
  }
  return {
    learn,
    get: (index) => list[index],
    indexOf: (from) => {
      const text = JSON.stringify(from)
      const known = places.get(text)
      if (known !== undefined) return known
      learn(from)
      world.log().append(otherLine({ k: 'payer', from }))
      return list.length - 1
    },
  }
}

function replay(hub: Inner, learnPayer: Payers['learn'], line: LogLine): void {
  if (line.k === 'payer') return learnPayer(line.from)
  if (line.k === 'transfer') {
    const transfer = hub.record(line, line.at, line.state, line.took_ms)
    hub.transfers.set(transfer.id, transfer)
    if (transfer.state === 'COMMITTED') hub.paid.push(transfer)
  }
  if (line.k !== 'state' && line.k !== 'refund') return
  const transfer = hub.transfers.get(line.id)
  if (transfer === undefined) return
  if (line.k === 'refund') {
    hub.paid.push({ of: transfer, at: line.at })
    return
  }
  transfer.state = line.state
  transfer.took_ms = line.at - transfer.at
  if (line.state === 'COMMITTED') hub.paid.push(transfer)
}
