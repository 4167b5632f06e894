import type { Exchange } from '../http.ts'
import { errorBody, fulfilBody, inboundHeaders, partyBody } from './bodies.ts'
import { isoOf } from './dates.ts'
import { fulfilmentOfTransfer } from './hub.ts'
import type { Notice } from './hub.ts'
import { doneAt } from './hub-records.ts'
import type { Prepare } from './hub-records.ts'
import { ilpPacketOf, readPacket, sealOf } from './ilp.ts'
import { magicCode, scenarioOf } from './magic.ts'
import type { ErrorInformation, Scenario } from './magic.ts'
import { carryOut } from './sdk-call.ts'
import { HTML_503, amountError } from './transfers.ts'
import { pause, timeoutMs } from './world.ts'
import type { Reply, World } from './world.ts'

const DONE = '"currentState":"COMPLETED"}'

/** Scenario of one step for a payee: an injected fault's, or the magic number's. */
function codeFor(world: World, step: 'party' | 'quote' | 'transfer', exchange: Exchange, party: string) {
  const strike = world.faults.strike(step, party)
  const code = strike?.kind === 'scenario' ? strike.code : magicCode(party)
  const run = (reply: Reply, work: (answer: Reply) => void): void =>
    carryOut(world, strike, exchange, reply, work)
  return { code, scenario: scenarioOf(code), run }
}

/** GET /parties/{Type}/{ID}[/{SubId}]: a refusal is 404 in SDK 24, 200 with an empty party in SDK 18. */
export function getParty(
  world: World,
  exchange: Exchange,
  found: { type: string; id: string },
  reply: Reply,
): void {
  const { scenario, run } = codeFor(world, 'party', exchange, found.id)
  const { party } = scenario
  run(reply, (answer) => {
    const settings = world.settings()
    if (party === 'refused-at-once') {
      const message = 'Request failed with status code 400'
      return answer(500, errorBody(message, 'requestPartiesInformationState', '{}', '500'))
    }
    if (party === 'silent' || settings.latency_ms.party > timeoutMs(world))
      return pause(world, timeoutMs(world), () =>
        answer(
          settings.v18_parties ? 500 : 504,
          errorBody('Timeout', 'requestPartiesInformationState', '{}', settings.v18_parties ? '500' : '504'),
        ),
      )
    pause(world, settings.latency_ms.party, () => answerParty(world, found, scenario, answer))
  })
}

function answerParty(
  world: World,
  found: { readonly type: string; readonly id: string },
  scenario: Scenario,
  answer: Reply,
): void {
  const { party } = scenario
  const at = world.clock.now()
  if (party === undefined || typeof party === 'string') {
    const body = partyBody(found.type, found.id, 'XOF', scenario.other_name === true)
    return answer(
      200,
      `{"party":{"body":${body.slice(9, -1)},"headers":${inboundHeaders('parties', 'payeefsp', at, body.length)}},${DONE}`,
    )
  }
  if (world.settings().v18_parties) return answer(200, `{"party":{"body":{}},${DONE}`)
  answer(404, `{"errorInformation":${JSON.stringify(party)},${DONE}`)
}

type QuotesRequest = {
  readonly quotesPostRequest: {
    readonly quoteId: string
    readonly transactionId: string
    readonly amount: { readonly currency: string; readonly amount: string }
    readonly payee: unknown
  }
}

/** Reads the identifier of an FSPIOP party object, as far as it has one. */
export function partyIdOf(party: unknown): { readonly type: string; readonly id: string } {
  const info = (party as { partyIdInfo?: { partyIdType?: unknown; partyIdentifier?: unknown } } | null)
    ?.partyIdInfo
  const type =
    typeof info?.partyIdType === 'string' && /^[A-Z_]{1,32}$/.test(info.partyIdType)
      ? info.partyIdType
      : 'MSISDN'
  return { type, id: typeof info?.partyIdentifier === 'string' ? info.partyIdentifier : '' }
}

export type QuoteTerms = {
  readonly transaction_id: string
  readonly party_type: string
  readonly party: string
  readonly currency: string
  readonly amount: string
}

/** The payee's answer to a request for a quote: the body of FSPIOP's PUT /quotes, or of its error. */
export function quoteFor(world: World, terms: QuoteTerms, scenario: Scenario): string | ErrorInformation {
  const refused = scenario.quote ?? amountError(terms.amount)
  if (refused !== undefined && refused !== 'silent') return refused
  const receives = Number(terms.amount) + (scenario.overpaid ?? 0)
  const fee = scenario.fee ?? 0
  const packet = ilpPacketOf({ ...terms, fee })
  const { currency } = terms
  const fees = fee === 0 ? '' : `"payeeFspFee":{"currency":"${currency}","amount":"${fee}"},`
  return `{"transferAmount":{"currency":"${currency}","amount":"${receives + fee}"},"payeeReceiveAmount":{"currency":"${currency}","amount":"${receives}"},${fees}"expiration":"${isoOf(world.clock.now() + 60_000)}","ilpPacket":"${packet}","condition":"${sealOf(packet).condition}"}`
}

/** POST /quotes. */
export function postQuote(world: World, exchange: Exchange, body: QuotesRequest, reply: Reply): void {
  const { amount, payee, transactionId } = body.quotesPostRequest
  const { type, id } = partyIdOf(payee)
  const { scenario, run } = codeFor(world, 'quote', exchange, id)
  const key = 'requestQuotesInformationState'
  run(reply, (answer) => {
    const latency_ms = world.settings().latency_ms.quote
    if (scenario.quote === 'silent' || latency_ms > timeoutMs(world))
      return pause(world, timeoutMs(world), () => answer(504, errorBody('Timeout', key, '{}', '504')))
    pause(world, latency_ms, () => {
      const terms = { transaction_id: transactionId, party_type: type, party: id, ...amount }
      const quote = quoteFor(world, terms, scenario)
      const at = world.clock.now()
      const inner = typeof quote === 'string' ? quote : `{"errorInformation":${JSON.stringify(quote)}}`
      const source = typeof quote === 'string' ? 'payeefsp' : 'switch'
      answer(
        200,
        `{"quotes":{"body":${inner},"headers":${inboundHeaders('quotes', source, at, inner.length)}},${DONE}`,
      )
    })
  })
}

type SimpleTransfersRequest = {
  readonly transfersPostRequest: {
    readonly transferId: string
    readonly amount: { readonly currency: string; readonly amount: string }
    readonly ilpPacket: string
    readonly condition: string
  }
}

export const badCondition: ErrorInformation = {
  errorCode: '3100',
  errorDescription: 'Generic validation error - the condition is not that of the ILP packet',
}

/** Makes the hub's order of an FSPIOP prepare: whom it is for is in the packet that the payee gave with the quote. */
export function orderFrom(
  request: SimpleTransfersRequest['transfersPostRequest'],
  code: string | undefined,
): Prepare | ErrorInformation {
  const packet = readPacket(request.ilpPacket)
  if (packet === undefined || sealOf(request.ilpPacket).condition !== request.condition) return badCondition
  const refused = amountError(request.amount.amount)
  if (refused !== undefined) return refused
  return {
    id: request.transferId,
    party_type: packet.party_type,
    party: packet.party,
    amount: Number(request.amount.amount) - packet.fee,
    fee: packet.fee,
    currency: request.amount.currency,
    code: code ?? magicCode(packet.party),
    home: '',
    payer: -1,
    transaction_id: packet.transaction_id === request.transferId ? '' : packet.transaction_id,
  }
}

/** POST /simpleTransfers: the fulfilment is not checked, and a refusal too is HTTP 200 and COMPLETED. */
export function postSimpleTransfer(
  world: World,
  exchange: Exchange,
  body: SimpleTransfersRequest,
  reply: Reply,
): void {
  const request = body.transfersPostRequest
  const { code, scenario, run } = codeFor(
    world,
    'transfer',
    exchange,
    readPacket(request.ilpPacket)?.party ?? '',
  )
  run(reply, (answer) => {
    const order = orderFrom(request, code)
    if ('errorCode' in order) return answer(200, simpleBody(world, { kind: 'error', error: order }))
    let open = true
    const cancel = world.clock.after(timeoutMs(world), () => {
      if (!open) return
      open = false
      answer(504, errorBody('Timeout', 'requestSimpleTransfersInformationState', '{}', '504'))
    })
    world.hub.prepare(order, (notice) => {
      if (!open) return
      open = false
      cancel()
      if (scenario.html_503 === true) answer(503, HTML_503, 'text/html')
      else answer(200, simpleBody(world, notice))
    })
  })
}

/** What the hub's word on a transfer is as a body of FSPIOP. */
export function noticeBody(world: World, notice: Notice): string {
  if (notice.kind === 'error') return `{"errorInformation":${JSON.stringify(notice.error)}}`
  const { transfer } = notice
  const fulfilment = transfer.state === 'COMMITTED' ? { fulfilment: fulfilmentOfTransfer(transfer) } : {}
  return fulfilBody({ at: doneAt(transfer) || world.clock.now(), state: transfer.state, ...fulfilment })
}

function simpleBody(world: World, notice: Notice): string {
  const inner = noticeBody(world, notice)
  const headers = inboundHeaders('transfers', 'payeefsp', world.clock.now(), inner.length)
  return `{"transfer":{"body":${inner},"headers":${headers}},${DONE}`
}
