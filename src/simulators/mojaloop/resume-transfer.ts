import { inspect } from 'node:util'
import { badRequestBody, errorBody, fulfilSection, hubError, stateBody } from './bodies.ts'
import type { Call } from './call.ts'
import { isoOf } from './dates.ts'
import { fulfilmentOfTransfer, packetOf } from './hub.ts'
import { doneAt, orderOfTransfer } from './hub-records.ts'
import type { Prepare, Transfer } from './hub-records.ts'
import { sealOf } from './ilp.ts'
import { scenarioOf, unknownTransfer } from './magic.ts'
import { executeTransfer, orderOf } from './transfers.ts'
import { pause } from './world.ts'
import type { Reply, World } from './world.ts'

const CHOICES = ['acceptParty', 'acceptQuote', 'acceptConversion', 'acceptQuoteOrConversion']

/** PUT /transfers/{id}: the second phase. `code`: a scenario that an injected fault puts in place of the first one. */
export function putTransfer(world: World, id: string, body: unknown, reply: Reply, code?: string): void {
  const choice = readChoice(body)
  if (choice === undefined) return reply(400, badRequestBody(continuationRefusal()))
  const model = world.models.get(id)
  const transfer = world.hub.find(id)
  if (model === undefined && transfer === undefined) {
    const message = `No cached data found for transferId: ${id}`
    return reply(500, errorBody(message, 'transferState', '{}', '500'))
  }
  // The SDK has nothing to do for a broken model, and says so with an empty answer.
  if (model?.state === 'ERRORED') return reply(204, '')
  if (model?.state === 'ABORTED') return reply(200, abortedBody(model.call))
  if (model === undefined) return reply(200, foundBody(world, id, transfer))
  if (choice.name !== 'acceptQuote' && choice.name !== 'acceptQuoteOrConversion') choice.accept = false
  if (choice.accept) {
    const struck = code === undefined ? {} : { code, scenario: scenarioOf(code) }
    return executeTransfer(world, { ...model.call, ...struck }, true, reply)
  }
  world.models.abort(model.call, () => reply(200, abortedBody(model.call)))
}

const abortedBody = (call: Call): string =>
  stateBody(call, 'ABORTED', ',"acceptQuote":false,"abortedReason":"Quote rejected by backend"')

function readChoice(body: unknown): { name: string; accept: boolean } | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const entries = Object.entries(body)
  const [name, accept] = entries[0] ?? []
  if (entries.length !== 1 || name === undefined || !CHOICES.includes(name)) return undefined
  return typeof accept === 'boolean' ? { name, accept } : undefined
}

function continuationRefusal(): string {
  const findings = CHOICES.map((name) => ({
    instancePath: '/body',
    schemaPath: '#/properties/body/oneOf/required',
    keyword: 'required',
    params: { missingProperty: name },
    message: `must have required property '${name}'`,
  }))
  return `Request failed validation ${inspect(findings, { depth: 2 })}`
}

/**
 * GET /transfers/{id}: what the hub says, merged with what the SDK remembers. `denied` makes the hub say that it knows
 * nothing. Asking for a transfer that waits for acceptance breaks it: the hub has not heard of it yet.
 */
export function getTransfer(world: World, id: string, denied: boolean, reply: Reply): void {
  pause(world, world.settings().latency_ms.transfer, () => {
    const model = world.models.get(id)
    const transfer = denied ? undefined : world.hub.find(id)
    // A state that is shown must be one that survives us.
    if (transfer !== undefined) return world.log().settled(() => reply(200, foundBody(world, id, transfer)))
    const last_error = hubError(unknownTransfer)
    const message = `Got an error response retrieving transfer: ${JSON.stringify({ errorInformation: unknownTransfer })}`
    const state = unknownBody(world, id, last_error)
    if (model?.state === 'WAITING')
      world.models.break(orderOf(model.call, world.hub.payerIndex(model.call.request.from)), last_error, true)
    world
      .log()
      .settled(() => reply(500, errorBody(message, 'transferState', state, unknownTransfer.errorCode)))
  })
}

function unknownBody(world: World, id: string, last_error: string): string {
  const tail = `,"lastError":${last_error}`
  const model = world.models.get(id)
  if (model === undefined)
    return `{"transferId":${JSON.stringify(id)},"currentState":"ERROR_OCCURRED","initiatedTimestamp":"${isoOf(world.clock.now())}","direction":"OUTBOUND"${tail}}`
  if (model.state === 'ERRORED')
    return stateBody(rebuilt(world, model.order, world.clock.now(), false), 'ERROR_OCCURRED', tail)
  return stateBody(model.call, 'ERROR_OCCURRED', tail)
}

/** Whatever the hub's state is, the SDK calls its own work COMPLETED; an old `lastError` stays in it. */
function foundBody(world: World, id: string, transfer: Transfer | undefined): string {
  if (transfer === undefined) return '{}'
  const model = world.models.get(id)
  const tail = model?.state === 'ERRORED' ? `,"lastError":${model.last_error}` : ''
  const is_committed = transfer.state === 'COMMITTED'
  const fulfil = {
    at: doneAt(transfer) || transfer.at,
    state: transfer.state,
    ...(is_committed ? { fulfilment: fulfilmentOfTransfer(transfer) } : {}),
  }
  if (transfer.terms.payer < 0)
    return `{"transferId":${JSON.stringify(id)},"currentState":"COMPLETED","initiatedTimestamp":"${isoOf(world.clock.now())}","direction":"OUTBOUND"${fulfilSection(fulfil)}}`
  const call: Call = { ...rebuilt(world, orderOfTransfer(transfer), transfer.at, true), fulfil }
  return stateBody(call, 'COMPLETED', tail)
}

/** The model of a transfer, made again from the few things that are kept of it. */
function rebuilt(world: World, order: Prepare, at: number, is_prepared: boolean): Call {
  const scenario = scenarioOf(order.code)
  const packet = packetOf(order)
  return {
    id: order.id,
    request: {
      homeTransactionId: order.home,
      from: (world.hub.payer(order.payer) ?? {}) as Call['request']['from'],
      to: { idType: order.party_type, idValue: order.party },
      amountType: 'SEND',
      currency: order.currency,
      amount: String(order.amount - (scenario.overpaid ?? 0)),
      transactionType: 'TRANSFER',
    },
    scenario,
    code: order.code,
    started_at: at,
    trace_id: '',
    quote_id: '',
    rebuilt: true,
    stage: is_prepared ? 'prepared' : 'asked-party',
    packet,
    ...sealOf(packet),
  }
}
