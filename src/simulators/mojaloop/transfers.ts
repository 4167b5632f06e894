import { errorBody, hubError, stateBody } from './bodies.ts'
import { costs, looksUp, receives } from './call.ts'
import type { Call, TransferRequest } from './call.ts'
import { fulfilmentOfTransfer, packetOf } from './hub.ts'
import type { Notice } from './hub.ts'
import { doneAt } from './hub-records.ts'
import type { Prepare } from './hub-records.ts'
import { sealOf } from './ilp.ts'
import { scenarioOf } from './magic.ts'
import type { ErrorInformation } from './magic.ts'
import { hexId, ulid } from './random-ids.ts'
import { pause, timeoutMs } from './world.ts'
import type { Reply, World } from './world.ts'

export const HTML_503 =
  '<html><head><title>503 Service Temporarily Unavailable</title></head><body><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>nginx</center></body></html>'

/** POST /transfers: look-up, quote, and (in one phase) the transfer itself. `code` is the scenario of this payment. */
export function postTransfer(world: World, request: TransferRequest, code: string, reply: Reply): void {
  const started_at = world.clock.now()
  const call: Call = {
    id: request.transferId ?? ulid(started_at),
    request,
    scenario: scenarioOf(code),
    code,
    started_at,
    trace_id: hexId(16),
    quote_id: ulid(started_at),
    stage: 'start',
    packet: '',
    fulfilment: '',
    condition: '',
  }
  if (!looksUp(call)) return askQuote(world, call, reply)
  askParty(world, call, reply)
}

function askParty(world: World, call: Call, reply: Reply): void {
  const { party } = call.scenario
  const timeout_ms = timeoutMs(world)
  const latency_ms = world.settings().latency_ms.party
  if (party === 'refused-at-once') {
    const message = `Error resolving payee for transfer ${call.id}: Request failed with status code 400`
    return fail(world, call, { message, last_error: '{"httpStatusCode":500}' }, reply)
  }
  call.stage = 'asked-party'
  if (party === 'silent' || latency_ms > timeout_ms)
    return pause(world, timeout_ms, () => timeOut(world, call, 'resolving payee', reply))
  pause(world, latency_ms, () => {
    if (party === undefined) {
      call.stage = 'party'
      return askQuote(world, call, reply)
    }
    call.party_error = party
    refuse(world, call, 'resolving party', party, reply)
  })
}

function askQuote(world: World, call: Call, reply: Reply): void {
  const quote = call.scenario.quote ?? amountError(call.request.amount)
  const timeout_ms = timeoutMs(world)
  const latency_ms = world.settings().latency_ms.quote
  call.stage = 'asked-quote'
  if (quote === 'silent' || latency_ms > timeout_ms)
    return pause(world, timeout_ms, () => timeOut(world, call, 'requesting quote', reply))
  pause(world, latency_ms, () => {
    if (quote !== undefined) return refuse(world, call, 'requesting quote', quote, reply)
    seal(call)
    call.stage = 'quoted'
    if (world.settings().phases === 1) return executeTransfer(world, call, false, reply)
    world.models.wait(call, () => reply(200, stateBody(call, 'WAITING_FOR_QUOTE_ACCEPTANCE')))
  })
}

/** CFA francs have no decimals: the SDK lets «100.5» pass, the payee's side does not. */
export function amountError(amount: string): ErrorInformation | undefined {
  if (/^[1-9][0-9]{0,14}$/.test(amount)) return undefined
  return { errorCode: '3101', errorDescription: 'Malformed syntax - amount must be a whole number above 0' }
}

function seal(call: Call): void {
  call.packet = packetOf(orderOf(call, -1))
  Object.assign(call, sealOf(call.packet))
}

/** The order that the hub gets for a call. */
export const orderOf = (call: Call, payer: number): Prepare => ({
  id: call.id,
  party_type: call.request.to.idType,
  party: call.request.to.idValue,
  amount: receives(call),
  fee: costs(call) - receives(call),
  currency: call.request.currency,
  code: call.code,
  home: call.request.homeTransactionId,
  payer,
  transaction_id: '',
})

/** Sends the prepare and waits for the hub's word. In two phases a failure can be resumed and so must be remembered. */
export function executeTransfer(world: World, call: Call, is_resumable: boolean, reply: Reply): void {
  let open = true
  let cancel = (): void => undefined
  call.stage = 'prepared'
  world.hub.prepare(orderOf(call, world.hub.payerIndex(call.request.from)), (notice) => {
    if (!open) return
    open = false
    cancel()
    conclude(world, call, notice, is_resumable, reply)
  })
  // An ordinary transfer that has ended is told within the turn: it needs no timer. (A resend may meet one that waits.)
  if (!open || (call.code === '' && hasEnded(world, call.id))) return
  cancel = world.clock.after(timeoutMs(world), () => {
    if (!open) return
    open = false
    timeOut(world, call, 'waiting for fulfil', reply, is_resumable)
  })
}

function hasEnded(world: World, id: string): boolean {
  const state = world.hub.find(id)?.state
  return state === 'COMMITTED' || state === 'ABORTED'
}

function conclude(world: World, call: Call, notice: Notice, is_resumable: boolean, reply: Reply): void {
  if (notice.kind === 'error')
    return refuse(world, call, 'preparing transfer', notice.error, reply, is_resumable)
  const { transfer } = notice
  call.fulfil = { at: doneAt(transfer) || world.clock.now(), state: transfer.state }
  if (call.scenario.html_503 === true) return reply(503, HTML_503, 'text/html')
  if (transfer.state === 'ABORTED') {
    const message = "Cannot read properties of undefined (reading 'toString')"
    return fail(world, call, { message, last_error: '{}' }, reply, is_resumable)
  }
  if (transfer.state === 'RESERVED') return succeed(world, call, reply)
  const is_wrong = scenarioOf(transfer.terms.code).wrong_fulfilment === true
  const fulfilment = is_wrong ? fulfilmentOfTransfer(transfer) : call.fulfilment
  call.fulfil = { at: doneAt(transfer), state: 'COMMITTED', fulfilment }
  if (!is_wrong) return succeed(world, call, reply)
  const message = 'Invalid fulfilment received from peer DFSP.'
  fail(world, call, { message, last_error: '{}' }, reply, is_resumable)
}

function succeed(world: World, call: Call, reply: Reply): void {
  world.models.forget(call.id)
  call.stage = 'fulfilled'
  reply(200, stateBody(call, 'COMPLETED'))
}

type Failure = {
  readonly message: string
  readonly last_error: string
  readonly status?: number
  readonly status_code?: string
}

function fail(world: World, call: Call, failure: Failure, reply: Reply, is_resumable = false): void {
  const order = orderOf(call, world.hub.payerIndex(call.request.from))
  world.models.break(order, failure.last_error, is_resumable)
  const state = stateBody(call, 'ERROR_OCCURRED', `,"lastError":${failure.last_error}`)
  const status = failure.status ?? 500
  const body = errorBody(failure.message, 'transferState', state, failure.status_code ?? String(status))
  world.log().settled(() => reply(status, body))
}

function refuse(
  world: World,
  call: Call,
  doing: string,
  error: ErrorInformation,
  reply: Reply,
  is_resumable = false,
): void {
  const message = `Got an error response ${doing}: ${JSON.stringify({ errorInformation: error })}`
  const failure = { message, last_error: hubError(error), status_code: error.errorCode }
  fail(world, call, failure, reply, is_resumable)
}

function timeOut(world: World, call: Call, doing: string, reply: Reply, is_resumable = false): void {
  const failure = {
    message: `Timeout ${doing} for transfer ${call.id}`,
    last_error: '{"httpStatusCode":504}',
    status: 504,
  }
  fail(world, call, failure, reply, is_resumable)
}
