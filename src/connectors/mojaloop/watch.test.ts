import { afterEach, expect, test } from 'vitest'
import {
  after,
  answer,
  closeAll,
  done,
  lenient,
  open,
  order,
  serve,
} from '../../../test/captures/mojaloop/scripted.ts'
import type { Call, Reply } from '../../../test/captures/mojaloop/scripted.ts'
import { capture } from '../../../test/captures/mojaloop/replay.ts'
import { WEDGED } from './watch.ts'

afterEach(closeAll)

/** What SDK 18.0.2 answered once it was wedged by twenty calls for one payee; `call` is what it was asked. */
type Wedged = { readonly call: string; readonly status: number; readonly body: Record<string, unknown> }
const wedged = capture('v18-wedged.jsonl')
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Wedged)

function ofWedged(call: Call): Reply {
  const seen = wedged.find((one) => one.call.startsWith(`${call.method} /${call.path.split('/')[1]}`))
  if (seen === undefined) throw new Error(`not captured: ${call.method} ${call.path}`)
  if (seen.body['transferState'] === undefined) return seen
  const { transferId, homeTransactionId } = call.body
  const transferState = { ...(seen.body['transferState'] as object), transferId, homeTransactionId }
  return { status: seen.status, body: { ...seen.body, transferState } }
}

const isLookUp = (call: Call): boolean => call.method === 'GET' && call.path === '/parties/MSISDN/123456789'
const found: Reply = {
  status: 200,
  body: {
    party: {
      body: { partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: '123456789', fspId: 'payerfsp' } },
    },
    currentState: 'COMPLETED',
  },
}

async function rail(script: (call: Call) => Reply) {
  const { url, calls } = await serve(after(lenient, script))
  const opened = open(url)
  await opened.probe()
  calls.splice(0)
  return { pay: () => opened.pay(order()), calls }
}

test('a wedged adapter refuses nobody: the connection stops, and goes on by itself after its restart', async () => {
  let is_wedged = true
  const { pay, calls } = await rail((call) => {
    if (is_wedged) return ofWedged(call)
    return isLookUp(call) ? found : answer(call, done('10000'))
  })
  expect(await pay()).toMatchObject({ kind: 'stop', because: WEDGED, refused: true })
  // Still wedged: nothing more is sent, so the order stays as it was.
  const sent = calls.length
  expect(await pay()).toEqual({ kind: 'stop', because: WEDGED, said: {} })
  expect(calls.slice(sent).map((call) => call.method)).toEqual(['GET'])
  is_wedged = false
  expect(await pay()).toMatchObject({ kind: 'paid' })
  const asked = calls.filter(isLookUp).length
  expect(await pay()).toMatchObject({ kind: 'paid' })
  expect(calls.filter(isLookUp)).toHaveLength(asked)
})

test('a payee who does not answer is refused as before, when our own account is resolved', async () => {
  const { pay, calls } = await rail((call) => (isLookUp(call) ? found : ofWedged(call)))
  expect(await pay()).toMatchObject({ kind: 'refused', reason: 'PAYEE_UNAVAILABLE', retryable: true })
  expect(calls.filter(isLookUp)).toHaveLength(1)
})

test('our own account not found is a result too', async () => {
  const empty: Reply = { status: 200, body: { party: { body: {} }, currentState: 'COMPLETED' } }
  const { pay } = await rail((call) => (isLookUp(call) ? empty : ofWedged(call)))
  expect(await pay()).toMatchObject({ kind: 'refused', reason: 'PAYEE_UNAVAILABLE' })
})

test('calls that are never answered stay uncertain, and the next order is not sent', async () => {
  const { pay, calls } = await rail((call) => (isLookUp(call) ? ofWedged(call) : 'hang'))
  expect(await pay()).toMatchObject({ kind: 'unknown' })
  expect(await pay()).toEqual({ kind: 'stop', because: WEDGED, said: {} })
  expect(calls.filter((call) => call.method === 'POST')).toHaveLength(1)
})
