import { crashPoint } from '../../platform/crash-point.ts'
import { sha256, uuidV4From } from '../../platform/ids.ts'
import type { Answer, Order } from '../rail.ts'
import type { Http } from './http.ts'
import { readParty, readQuote, readSimpleTransfer } from './steps.ts'
import type { FoundParty, GivenQuote } from './steps.ts'
import { unsettled } from './verdict.ts'
import { fspiopParty, note, wireIdentifier } from './wire.ts'

export type StepwiseOptions = { readonly expiry_s: number; readonly dfsp_id?: string | undefined }

/**
 * Pays in three calls with ids of our own, which every version of the adapter takes: look-up, quote, transfer. Until
 * the third has left, no money can move, so a step that gets no answer leaves the order as it was.
 */
export async function payStepwise(
  http: Http,
  options: StepwiseOptions,
  order: Order,
  mayMove: () => boolean,
): Promise<Answer> {
  const { type } = order.payee
  const lookup = await http.call('GET', `/parties/${type}/${encodeURIComponent(wireIdentifier(order.payee))}`)
  if (lookup.kind !== 'answer') return notOrdered('party look-up', lookup.because)
  const party = readParty(lookup, order)
  if (party.kind !== 'party') return party
  crashPoint('stepwise.looked-up')
  const payer_fsp = options.dfsp_id ?? party.payer_fsp
  if (payer_fsp === undefined) {
    return { kind: 'stop', because: 'our FSP id is not known: the adapter does not tell it', said: {} }
  }

  const quoting = await http.call('POST', '/quotes', quoteRequest(order, party, payer_fsp))
  if (quoting.kind !== 'answer') return notOrdered('quote', quoting.because)
  const quote = readQuote(quoting, order)
  if (quote.kind !== 'quote') return quote
  crashPoint('stepwise.quoted')

  if (!mayMove()) return notOrdered('transfer', 'the lease was over')
  const expires_at = new Date(Date.now() + options.expiry_s * 1000)
  const paying = await http.call(
    'POST',
    '/simpleTransfers',
    transfer(order, party, payer_fsp, quote, expires_at),
  )
  if (paying.kind === 'answer') return readSimpleTransfer(paying, order, quote)
  return paying.kind === 'unknown' ? unsettled(paying.because, {}) : { ...paying, said: {} }
}

const notOrdered = (step: string, because: string): Answer => ({
  kind: 'unsent',
  because: `${step}: ${because}`,
  said: {},
})

/** The same order makes the same quote request, byte for byte: sent again, it is a duplicate and not another quote. */
function quoteRequest(order: Order, party: FoundParty, payer_fsp: string): object {
  return {
    fspId: party.payee_fsp,
    quotesPostRequest: {
      quoteId: uuidV4From(sha256('mojaloop quote ', order.reference)),
      transactionId: order.reference,
      payer: fspiopParty(order.payer, payer_fsp),
      payee: fspiopParty(order.payee, party.payee_fsp),
      amountType: 'SEND',
      amount: { currency: order.currency, amount: order.amount.toString() },
      transactionType: { scenario: 'TRANSFER', initiator: 'PAYER', initiatorType: 'BUSINESS' },
      ...note(order),
    },
  }
}

function transfer(
  order: Order,
  party: FoundParty,
  payer_fsp: string,
  quote: GivenQuote,
  expires_at: Date,
): object {
  return {
    fspId: party.payee_fsp,
    transfersPostRequest: {
      transferId: order.reference,
      payeeFsp: party.payee_fsp,
      payerFsp: payer_fsp,
      amount: { currency: order.currency, amount: quote.cost.toString() },
      ilpPacket: quote.ilp_packet,
      condition: quote.condition,
      expiration: expires_at.toISOString(),
    },
  }
}
