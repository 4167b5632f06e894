import { errorBody } from './bodies.ts'
import type { SdkParty } from './call.ts'
import { isoOf } from './dates.ts'
import { noticeOf } from './hub.ts'
import type { Notice } from './hub.ts'
import { readPacket } from './ilp.ts'
import { magicCode, scenarioOf } from './magic.ts'
import type { ErrorInformation } from './magic.ts'
import { ulid } from './random-ids.ts'
import { quoteFor } from './stepwise.ts'
import { amountError } from './transfers.ts'
import { pause, timeoutMs } from './world.ts'
import type { Reply, World } from './world.ts'

export type BulkQuotes = {
  readonly homeTransactionId: string
  readonly bulkQuoteId?: string
  readonly individualQuotes: readonly {
    readonly quoteId: string
    readonly to: SdkParty
    readonly currency: string
    readonly amount: string
  }[]
}

const lastError = (error: ErrorInformation): string =>
  `"lastError":{"httpStatusCode":500,"mojaloopError":{"errorInformation":${JSON.stringify(error)}}}`

/** POST /bulkQuotes: a result per item; an item that is refused carries its error, the others their terms. */
export function postBulkQuotes(world: World, body: BulkQuotes, reply: Reply): void {
  const id = body.bulkQuoteId ?? ulid(world.clock.now())
  const is_silent = body.individualQuotes.some(
    ({ to }) => scenarioOf(magicCode(to.idValue)).quote === 'silent',
  )
  if (is_silent)
    return pause(world, timeoutMs(world), () =>
      reply(504, errorBody(`Timeout requesting bulk quote ${id}`, 'bulkQuoteState', '{}', '504')),
    )
  pause(world, world.settings().latency_ms.quote, () => {
    const results = body.individualQuotes.map(({ quoteId, to, currency, amount }) => {
      const terms = { transaction_id: quoteId, party_type: to.idType, party: to.idValue, currency, amount }
      const { party, ...scenario } = scenarioOf(magicCode(to.idValue))
      const quote = typeof party === 'object' ? party : quoteFor(world, terms, scenario)
      return typeof quote === 'string'
        ? `{"quoteId":"${quoteId}",${quote.slice(1)}`
        : `{"quoteId":"${quoteId}",${lastError(quote)}}`
    })
    const at = isoOf(world.clock.now() + 60_000)
    reply(
      200,
      `{"bulkQuoteId":"${id}","homeTransactionId":${JSON.stringify(body.homeTransactionId)},"expiration":"${at}","individualQuoteResults":[${results.join(',')}],"currentState":"COMPLETED"}`,
    )
  })
}

export type BulkTransfers = {
  readonly bulkTransferId: string
  readonly homeTransactionId: string
  readonly individualTransfers: readonly {
    readonly transferId: string
    readonly to: SdkParty
    readonly currency: string
    readonly amount: string
    readonly ilpPacket: string
  }[]
}

/** What was answered to bulks, for GET: the newest few thousand. */
const KEPT = 2000
export type Bulks = Map<string, { readonly home: string; readonly ids: readonly string[] }>

/** POST /bulkTransfers: passed through as it is, fulfilments unchecked; COMPLETED although items failed. */
export function postBulkTransfers(world: World, bulks: Bulks, body: BulkTransfers, reply: Reply): void {
  const { bulkTransferId, homeTransactionId, individualTransfers } = body
  const results: string[] = Array.from({ length: individualTransfers.length }, () => '')
  let left = individualTransfers.length
  let open = true
  const cancel = world.clock.after(timeoutMs(world), () => {
    if (!open) return
    open = false
    const state = JSON.stringify({ bulkTransferId, homeTransactionId, currentState: 'ERROR_OCCURRED' })
    reply(
      504,
      errorBody(
        `Timeout waiting for fulfil for bulk transfer ${bulkTransferId}`,
        'bulkTransferState',
        state,
        '504',
      ),
    )
  })
  bulks.set(bulkTransferId, {
    home: homeTransactionId,
    ids: individualTransfers.map((item) => item.transferId),
  })
  const oldest = bulks.keys().next().value
  if (bulks.size > KEPT && oldest !== undefined) bulks.delete(oldest)
  individualTransfers.forEach((item, i) => {
    prepareItem(world, item, (notice) => {
      if (results[i] !== '') return
      results[i] = itemResult(item.transferId, notice)
      left -= 1
      if (left > 0 || !open) return
      open = false
      cancel()
      reply(200, bulkBody(world, bulkTransferId, homeTransactionId, results))
    })
  })
}

function prepareItem(
  world: World,
  item: BulkTransfers['individualTransfers'][number],
  told: (notice: Notice) => void,
): void {
  const refused = amountError(item.amount)
  if (refused !== undefined) return told({ kind: 'error', error: refused })
  const packet = readPacket(item.ilpPacket)
  const order = {
    id: item.transferId,
    party_type: item.to.idType,
    party: item.to.idValue,
    amount: Number(item.amount) - (packet?.fee ?? 0),
    fee: packet?.fee ?? 0,
    currency: item.currency,
    code: magicCode(item.to.idValue),
    home: '',
    payer: -1,
    transaction_id:
      packet === undefined || packet.transaction_id === item.transferId ? '' : packet.transaction_id,
  }
  world.hub.prepare(order, told)
}

function itemResult(id: string, notice: Notice): string {
  if (notice.kind === 'error') return `{"transferId":"${id}",${lastError(notice.error)}}`
  const { transfer, fulfilment } = notice
  if (transfer.state === 'COMMITTED') return `{"transferId":"${id}","fulfilment":"${fulfilment ?? ''}"}`
  return `{"transferId":"${id}"}`
}

const bulkBody = (world: World, id: string, home: string, results: readonly string[]): string =>
  `{"bulkTransferId":"${id}","homeTransactionId":${JSON.stringify(home)},"bulkTransferState":"COMPLETED","completedTimestamp":"${isoOf(world.clock.now())}","individualTransferResults":[${results.join(',')}],"currentState":"COMPLETED"}`

/** GET /bulkTransfers/{id}: each item as the hub has it now. */
export function getBulkTransfers(world: World, bulks: Bulks, id: string, reply: Reply): void {
  const bulk = bulks.get(id)
  if (bulk === undefined) {
    const error = { errorInformation: { errorCode: '3208', errorDescription: 'Bulk transfer ID not found' } }
    const message = `Got an error response retrieving bulk transfer: ${JSON.stringify(error)}`
    const state = JSON.stringify({
      bulkTransferId: id,
      currentState: 'ERROR_OCCURRED',
      lastError: { httpStatusCode: 500, mojaloopError: error },
    })
    return reply(500, errorBody(message, 'bulkTransferState', state, '3208'))
  }
  const results = bulk.ids.map((item) => {
    const transfer = world.hub.find(item)
    return transfer === undefined ? `{"transferId":"${item}"}` : itemResult(item, noticeOf(transfer))
  })
  reply(200, bulkBody(world, id, bulk.home, results))
}
