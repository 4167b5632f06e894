import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import { JSON_TYPE, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import type { MtnSettings } from '../settings.ts'
import type { MtnOperation, MtnStrike } from './fault-kinds.ts'
import { endingOf } from './magic.ts'
import { openMtnPayments, type MtnPayment } from './payments.ts'
import { readTransfer } from './read-transfer.ts'
import { strikeCall, type Respond } from './strike.ts'
import { giveToken, isIn, provision } from './users.ts'
import { empty, error, header, MTN_SANDBOX, parse, UUID_4, type MtnWorld } from './world.ts'

export { MTN_SANDBOX } from './world.ts'

export type MtnMomo = {
  /** Serves one call below /mtn/; false when there is nothing of that kind. */
  readonly serve: (exchange: Exchange) => boolean
  readonly paid: () => readonly MtnPayment[]
  readonly close: () => void
}

const BASE = '/mtn'
const BAD_KEY = { statusCode: 401, message: 'Access denied due to invalid subscription key.' }

/** The simulated MTN MoMo Open API, below /mtn/ of the simulators' port: provisioning, tokens and disbursements. */
export function openMtnMomo({
  folder,
  clock,
  faults,
  settings,
}: {
  readonly folder: string
  readonly clock: Clock
  readonly faults: Faults
  readonly settings: () => MtnSettings
}): MtnMomo {
  const payments = openMtnPayments({ folder, clock, settings })
  const world: MtnWorld = { clock, faults, settings, payments, tokens: new Map() }
  const serve = (exchange: Exchange): boolean => {
    if (!exchange.path.startsWith(`${BASE}/`)) return false
    const path = exchange.path.slice(BASE.length)
    const respond: Respond = ({ status, body }) =>
      send(exchange.res, status, JSON_TYPE, body === undefined ? '' : JSON.stringify(body))
    if (header(exchange, 'ocp-apim-subscription-key') !== MTN_SANDBOX.subscription_key)
      respond({ status: 401, body: BAD_KEY })
    else if (!provision(world, exchange, { path, respond })) serveProduct(world, exchange, path)
    return true
  }
  return { serve, paid: payments.paid, close: payments.close }
}

/** A call of a product, under the fault that strikes it. */
function serveProduct(world: MtnWorld, exchange: Exchange, path: string): void {
  const { clock, faults, payments } = world
  const below = /^\/(?:disbursement|collection)(\/.*)$/.exec(path)?.[1] ?? ''
  const asked = /^\/v1_0\/transfer\/([^/]+)$/.exec(below)?.[1]
  const operation: MtnOperation =
    below === '/token/' ? 'token' : exchange.method === 'POST' ? 'payout' : 'status'
  const party = partyIn(exchange) ?? payments.find(asked ?? '')?.party ?? ''
  const strike = faults.strikeMtn(operation, party)
  const work = (respond: Respond): void => {
    if (operation === 'token') giveToken(world, exchange, respond)
    else if (!isIn(world, exchange)) respond(error(401, 'UNAUTHORIZED'))
    else if (operation === 'payout' && below === '/v1_0/transfer')
      transfer(world, exchange, { strike, respond })
    else if (asked !== undefined) answerStatus(world, asked, { strike, respond })
    else if (!answerAccount(world, below, respond)) respond(error(404, 'NOT_FOUND', 'No such path.'))
  }
  strikeCall(strike, exchange, { clock, work })
}

type Answering = { readonly strike: MtnStrike | undefined; readonly respond: Respond }

function transfer({ payments }: MtnWorld, exchange: Exchange, { strike, respond }: Answering): void {
  const reference = header(exchange, 'x-reference-id')
  if (!UUID_4.test(reference))
    return respond(error(400, 'BAD_REQUEST', 'X-Reference-Id is no UUID of version 4'))
  const read = readTransfer(exchange.body, header(exchange, 'x-target-environment'))
  if (typeof read === 'string') return respond(error(400, 'BAD_REQUEST', read))
  if (payments.find(reference) !== undefined) return respond(error(409, 'RESOURCE_ALREADY_EXIST'))
  const ending = endingOf(read.party)
  if (ending.kind === 'refused') return respond(error(ending.status, ending.code))
  payments.take({ ...read, reference }, strike?.kind, () => respond(empty(202)))
}

function answerStatus({ payments }: MtnWorld, reference: string, { strike, respond }: Answering): void {
  const payment = payments.find(reference)
  if (payment === undefined || strike?.kind === 'status_endpoint_lies')
    return respond(error(404, 'RESOURCE_NOT_FOUND', 'Requested resource was not found.'))
  const is_variant = strike?.kind === 'shape_variants'
  respond({ status: 200, body: viewOf(payment, payments.hasEnded(payment), is_variant) })
}

/** Balance, and what is told of the holder of a number. False when the path is neither. */
function answerAccount({ payments, settings }: MtnWorld, path: string, respond: Respond): boolean {
  const [, msisdn = '', what] =
    /^\/v1_0\/accountholder\/msisdn\/([^/]+)\/(active|basicuserinfo)$/.exec(path) ?? []
  if (/^\/v1_0\/account\/balance(\/[A-Z]{3})?$/.test(path)) {
    const { currency } = settings()
    respond({ status: 200, body: { availableBalance: String(payments.balance()), currency } })
    return true
  }
  if (what === undefined) return false
  const ending = endingOf(msisdn)
  if (ending.kind === 'failed' && ending.reason === 'PAYEE_NOT_FOUND')
    respond(error(404, 'RESOURCE_NOT_FOUND'))
  else respond({ status: 200, body: what === 'active' ? { result: true } : HOLDER })
  return true
}

/** As MTN's sandbox calls everybody. */
const HOLDER = {
  given_name: 'Sand',
  family_name: 'Box',
  birthdate: '1976-08-13',
  locale: 'sv_SE',
  gender: 'MALE',
  status: 'ACTIVE',
}

function partyIn({ body }: Exchange): string | undefined {
  const { payee } = { ...(parse(body) as object | undefined) } as { payee?: { partyId?: unknown } }
  return typeof payee?.partyId === 'string' ? payee.partyId : undefined
}

/** As the real one answers: `reason` is a text, and a payment that failed is a 200. */
function viewOf(payment: MtnPayment, ended: boolean, is_variant: boolean): object {
  const { end } = payment
  const is_paid = ended && end.status === 'SUCCESSFUL'
  const status = ended ? end.status : 'PENDING'
  const reason = ended && end.status === 'FAILED' ? end.reason : undefined
  return {
    ...(is_paid ? { financialTransactionId: end.transaction } : {}),
    externalId: payment.external_id,
    amount: String(is_paid ? end.amount : payment.amount),
    currency: payment.currency,
    payee: { partyIdType: payment.party_type, partyId: is_paid ? end.party : payment.party },
    payerMessage: payment.payer_message,
    payeeNote: payment.payee_note,
    ...(is_variant ? { transactionStatus: status } : { status }),
    ...(reason === undefined ? {} : { reason: is_variant ? { code: reason, message: reason } : reason }),
  }
}
