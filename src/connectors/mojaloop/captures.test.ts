import { describe, expect, test } from 'vitest'
import { capture, exchanges, orderFor, postedTransfers } from '../../../test/captures/mojaloop/replay.ts'
import type { Order } from '../rail.ts'
import { readParty } from './steps.ts'
import { readTransfer } from './verdict.ts'
import type { Ask, Verdict } from './verdict.ts'

/** One line: the kind, and what tells it from others of its kind. */
function summary(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'paid':
      return `paid ${verdict.amount} fee ${verdict.fee_unknown ? '?' : verdict.fee}`
    case 'refused':
      return `refused ${verdict.reason}${verdict.retryable ? ' retryable' : ''} ${verdict.said.rail_code}`
    case 'unknown':
    case 'mismatch':
    case 'stop':
      return `${verdict.kind}: ${verdict.because}`
    default:
      return verdict.kind
  }
}

const read = (status: number, body: Buffer, order: Order, ask: Ask): string =>
  summary(readTransfer({ kind: 'answer', status, body }, order, ask))

const npm18 = {
  1: 'paid 10000 fee 0',
  7: 'refused PAYEE_NOT_FOUND 3204',
  9: 'refused PAYEE_LIMIT 5200',
  13: 'refused PAYEE_REJECTED 500',
  19: 'refused PAYEE_REJECTED 5104',
  25: 'unknown: COMMITTED with a fulfilment that does not match',
  31: 'refused INVALID_ORDER 3101',
  32: 'paid 10000 fee 50',
  38: 'unknown: RESERVED is not final',
  44: 'not-found',
  46: 'paid 10000 fee 0',
  52: 'paid 10000 fee 0',
  58: 'unknown: 3106 does not tell the outcome',
  64: 'paid 10000 fee ?',
  66: 'refused PAYEE_UNAVAILABLE retryable 504',
  67: 'unknown: an error after the quote',
  72: 'paid 10000 fee ?',
  74: 'paid 10000 fee 0',
  80: 'party payeefsp',
  82: 'refused PAYEE_NOT_FOUND 3204',
  84: 'refused PAYEE_UNAVAILABLE retryable 504',
  85: 'refused PAYEE_REJECTED 500',
  91: 'refused PAYEE_REJECTED undefined',
  93: 'unknown: RESERVED is not final',
  99: 'not-found',
  101: 'refused PAYEE_NOT_FOUND 3204',
  103: 'party payeefsp',
  105: 'paid 10000 fee 0',
  111: 'mismatch: another currency: XXX',
  117: 'paid 10000 fee 0',
}
const v24 = {
  1: 'paid 10000 fee 0',
  7: 'refused PAYEE_NOT_FOUND 3204',
  9: 'refused PAYEE_LIMIT 5200',
  13: 'refused PAYEE_REJECTED 500',
  19: 'refused PAYEE_REJECTED 5104',
  25: 'unknown: COMMITTED with a fulfilment that does not match',
  31: 'refused RAIL_ERROR 500',
  32: 'paid 10000 fee 50',
  38: 'unknown: RESERVED is not final',
  44: 'not-found',
  46: 'not-found',
  48: 'refused PAYEE_NOT_FOUND 3204',
  50: 'party payeefsp',
  52: 'party payeefsp',
  54: 'paid 10000 fee 0',
  60: 'refused PAYEE_UNAVAILABLE retryable 504',
  61: 'refused PAYEE_UNAVAILABLE retryable 504',
  62: 'unknown: an error after the quote',
  67: 'paid 10000 fee 0',
  69: 'refused PAYEE_REJECTED 500',
  75: 'refused PAYEE_REJECTED undefined',
  77: 'paid 10000 fee 0',
  83: 'paid 10000 fee 0',
  89: 'paid 10000 fee 0',
}

describe.each([
  ['npm18-minihub.jsonl', npm18],
  ['v24-minihub.jsonl', v24],
])('%s, by the line where the call begins', (name, expected) => {
  test('every exchange has the verdict that the table says', () => {
    const found: Record<number, string> = {}
    for (const { line, call, order, status, body } of exchanges(name)) {
      if (call === 'party') {
        const party = readParty({ kind: 'answer', status, body }, order)
        found[line] = party.kind === 'party' ? `party ${party.payee_fsp}` : summary(party)
      } else {
        const phase = call === 'find' ? 'find' : 'pay'
        found[line] = read(status, body, order, { phase, transfer_id: order.reference })
      }
    }
    expect(found).toEqual(expected)
  })
})

describe('the bodies that the adapter really answered', () => {
  const answers = new Map(postedTransfers().map((answer) => [answer.what, answer]))
  const posted = (what: string) => {
    const answer = answers.get(what)
    if (!answer) throw new Error(`no captured answer ${what}`)
    return { ...answer, id: /"transferId":"(\w+)"/.exec(answer.body.toString())?.[1] ?? '' }
  }
  test.each([
    ['200', '22890000010', 'paid 10000 fee 50'],
    ['3204', '22890000000', 'refused PAYEE_NOT_FOUND 3204'],
    ['5104', '22890000003', 'refused PAYEE_REJECTED 5104'],
    ['aborted-no-fulfilment', '22890000002', 'refused PAYEE_REJECTED 500'],
  ])('%s', (what, identifier, expected) => {
    const { status, body, id } = posted(what)
    const order = orderFor(identifier, id)
    expect(read(status, body, order, { phase: 'pay', transfer_id: id })).toBe(expected)
    // Where the adapter made the id, the answer is known by our own reference in it.
    expect(read(status, body, order, { phase: 'pay', transfer_id: undefined })).toBe(expected)
  })

  test('a paid body gives the payee’s name, the fulfilment and nothing of the hub’s headers', () => {
    const { status, body, id } = posted('200')
    const http = { kind: 'answer' as const, status, body }
    expect(readTransfer(http, orderFor('22890000010', id), { phase: 'pay', transfer_id: id })).toEqual({
      kind: 'paid',
      amount: 10_000n,
      fee: 50n,
      currency: 'XOF',
      payee: { type: 'MSISDN', identifier: '22890000010', name: 'Ama Koffi' },
      reference: id,
      fulfilment: 'wO49r4S4csqJDZbPnZ771ehW8aKyg66gr96f4oD5tPs',
      said: { http_status: 200, rail_state: 'COMMITTED' },
    })
  })

  test('the Testing Toolkit’s noise changes nothing', () => {
    const bodies = ['npm18-with-ttk-hub.jsonl', 'npm18-with-ttk-callbacks.jsonl'].map((name) =>
      capture(name)
        .toString()
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { req: { b: string } }).req.b),
    )
    const [, quoteRequest, prepare] = bodies[0] ?? []
    const [party, quote, fulfil] = (bodies[1] ?? []).map((body) => JSON.parse(body) as object)
    const reference = '3073a56f-0f76-4af0-b43d-f759ec769bce'
    const state = {
      homeTransactionId: 'r1',
      to: { idType: 'MSISDN', idValue: '22890123456', fspId: 'testingtoolkitdfsp' },
      currency: 'XOF',
      amount: '10000',
      transferId: reference,
      currentState: 'COMPLETED',
      getPartiesResponse: { body: party, headers: {} },
      quoteRequest: { body: quoteRequest },
      quoteResponse: { body: quote, headers: {} },
      prepare: { body: prepare },
      fulfil: { body: fulfil, headers: {} },
    }
    const order = orderFor('22890123456', reference)
    const said = read(200, Buffer.from(JSON.stringify(state)), order, {
      phase: 'pay',
      transfer_id: reference,
    })
    expect(said).toBe('paid 10000 fee 0')
  })
})
