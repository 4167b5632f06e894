import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestWorld } from '../test-world.ts'
import type { Answer, Json, TestWorld } from '../test-world.ts'

const CAPTURES = new URL('../../../test/captures/mojaloop/v24-post-transfers.jsonl', import.meta.url)
const captures = readFileSync(CAPTURES, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as { readonly what: string; readonly status: number; readonly body: Json })

/** The names of all fields, in order, at every depth. */
const shapeOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)])
    : typeof value

/** Posts, and moves the clock until the SDK gives up or hears. */
async function postPatiently(world: TestWorld, party: string, seconds: number, id: string): Promise<Answer> {
  const answer = world.post(party, { transferId: id })
  await pause(30)
  await world.advance(seconds)
  return await answer
}

const stateOf = async (world: TestWorld, id: string): Promise<string> => {
  const { status, json } = await world.sdk('GET', `/transfers/${id}`)
  const code = json['statusCode'] as unknown
  if (status !== 200) return `${status} ${typeof code === 'string' ? code : ''}`
  return (json['fulfil']?.['body']?.['transferState'] ?? '') as unknown as string
}

describe('POST /transfers in one phase', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await openTestWorld()
  })
  afterAll(() => world.close())
  const paidFor = async (id: string): Promise<number> =>
    (await world.paid()).filter((payment) => payment.reference === id).length

  it.each(captures)(
    'answers $what with the fields, the order and the words of a real adapter',
    async (capture) => {
      const { status, body: real } = capture
      const state = real['transferState'] ?? real
      const party = state['to']?.['idValue'] as unknown as string
      const answer = await world.post(party)
      expect(answer.status).toBe(status)
      expect(shapeOf(answer.json)).toEqual(shapeOf(real))
      expect(answer.json.message).toBe(real.message)
      expect(answer.json.statusCode).toBe(real.statusCode)
      const ours = answer.json['transferState']?.['lastError']
      expect(ours).toEqual(real['transferState']?.['lastError'])
    },
  )

  it('gives a fulfilment that opens the condition, the same for the same id', async () => {
    const id = randomUUID()
    const { json } = await world.post('22890123456', { transferId: id })
    const fulfilment = json['fulfil']?.['body']?.['fulfilment'] as unknown as string
    const condition = createHash('sha256').update(Buffer.from(fulfilment, 'base64url')).digest('base64url')
    expect(json['prepare']?.['body']?.['condition']).toBe(condition)
    const again = await world.sdk('GET', `/transfers/${id}`)
    expect(again.json['fulfil']?.['body']?.['fulfilment']).toBe(fulfilment)
  })

  it('takes the fee of 50 into the transfer and keeps it out of the log of payments', async () => {
    const { json } = await world.post('22890000010')
    expect(json['prepare']?.['body']?.['amount']?.['amount']).toBe('10050')
    const paid = (await world.paid()).find((payment) => payment.reference === json.transferId)
    expect(paid).toMatchObject({ operation: 'payout', amount: 10_000, party: '22890000010' })
  })

  it('takes only a number with 000 before the code for magic', async () => {
    for (const party of ['22890001003', '22891111000', '22890100409', '003', '22890000555'])
      expect((await world.post(party)).status).toBe(200)
  })

  // code, HTTP status, statusCode, money moved at once, and what GET says then.
  it.each([
    ['001', 500, '5200', 0, '500 3208'],
    ['002', 500, '500', 0, 'ABORTED'],
    ['003', 500, '5104', 0, 'ABORTED'],
    ['008', 500, '500', 1, 'COMMITTED'],
    ['009', 500, '500', 0, '500 3208'],
    ['010', 200, undefined, 1, 'COMMITTED'],
    ['011', 200, undefined, 0, 'RESERVED'],
    ['019', 500, '5200', 0, '500 3208'],
    ['029', 500, '4000', 0, 'ABORTED'],
    ['039', 500, '5100', 0, 'ABORTED'],
    ['049', 500, '5001', 0, 'ABORTED'],
    ['069', 500, '5000', 0, 'ABORTED'],
    ['089', 500, '3204', 0, '500 3208'],
    ['119', 500, '5000', 0, 'ABORTED'],
    ['301', 200, undefined, 1, 'COMMITTED'],
    ['409', 200, undefined, 1, 'COMMITTED'],
    ['503', 503, undefined, 1, 'COMMITTED'],
    ['777', 200, undefined, 1, 'COMMITTED'],
  ])('treats %s as the table says', async (code, status, status_code, times, state) => {
    const id = randomUUID()
    const answer = await world.post(`22890000${code}`, { transferId: id })
    expect([answer.status, answer.json.statusCode]).toEqual([status, status_code])
    expect(await paidFor(id)).toBe(times)
    expect(await stateOf(world, id)).toBe(state)
  })

  // code, seconds until the answer, its status, what GET says then, and whether money moved.
  it.each([
    ['004', 30, 504, '500 3208', 0, 'Timeout resolving payee for transfer '],
    ['005', 30, 504, '500 3208', 0, 'Timeout requesting quote for transfer '],
    ['006', 30, 504, 'COMMITTED', 1, 'Timeout waiting for fulfil for transfer '],
    ['007', 15, 200, 'COMMITTED', 1, undefined],
    ['129', 30, 504, 'RESERVED', 0, 'Timeout waiting for fulfil for transfer '],
    ['202', 30, 504, 'COMMITTED', 1, 'Timeout waiting for fulfil for transfer '],
    ['408', 30, 504, 'COMMITTED', 1, 'Timeout waiting for fulfil for transfer '],
  ])(
    'treats %s as the table says once time has passed',
    async (code, seconds, status, state, times, message) => {
      const id = randomUUID()
      const answer = await postPatiently(world, `22890000${code}`, seconds, id)
      expect(answer.status).toBe(status)
      expect(answer.json.message).toBe(message === undefined ? undefined : message + id)
      expect(await stateOf(world, id)).toBe(state)
      expect(await paidFor(id)).toBe(times)
    },
  )

  it('denies a late success for 20 seconds, then has paid it', async () => {
    const id = randomUUID()
    await world.set({ timeout_s: 5 })
    const answer = await postPatiently(world, '22890000202', 5, id)
    await world.set({ timeout_s: 30 })
    expect(answer.status).toBe(504)
    expect(await stateOf(world, id)).toBe('500 3208')
    expect(await paidFor(id)).toBe(0)
    await world.advance(15)
    expect(await stateOf(world, id)).toBe('COMMITTED')
    expect(await paidFor(id)).toBe(1)
  })

  it('commits what was RESERVED after 30 seconds, and takes back what is reversed after 10', async () => {
    const [reserved, reversed] = [randomUUID(), randomUUID()]
    await world.post('22890000011', { transferId: reserved })
    await world.post('22890000777', { transferId: reversed })
    await world.advance(10)
    expect(await paidFor(reserved)).toBe(0)
    const operations = (await world.paid()).filter((p) => p.reference === reversed).map((p) => p.operation)
    expect(operations).toEqual(['payout', 'refund'])
    await world.advance(20)
    expect(await paidFor(reserved)).toBe(1)
  })

  it('pays a resent order once, and refuses it with 3106 when it was changed', async () => {
    const id = randomUUID()
    const answers = await Promise.all([1, 2, 3].map(() => world.post('22890123457', { transferId: id })))
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200])
    expect((await world.post('22890123457', { transferId: id, amount: '10001' })).json.statusCode).toBe(
      '3106',
    )
    expect((await world.post('22890123458', { transferId: id })).json.statusCode).toBe('3106')
    expect(await paidFor(id)).toBe(1)
    const old = await world.sdk('GET', `/transfers/${id}`)
    expect([old.json['currentState'], old.json['lastError']?.['mojaloopError'] !== undefined]).toEqual([
      'COMPLETED',
      true,
    ])
  })

  it('makes a resend wait for the first one that is still under way', async () => {
    const id = randomUUID()
    await world.set({ latency_ms: { transfer: 5000 } })
    const first = world.post('22890123459', { transferId: id })
    await pause(30)
    const second = world.post('22890123459', { transferId: id })
    await pause(30)
    expect(await stateOf2(world, id)).toBe('RESERVED')
    await world.advance(6)
    expect([(await first).status, (await second).status]).toEqual([200, 200])
    await world.set({ latency_ms: { transfer: 0 } })
    expect(await paidFor(id)).toBe(1)
  })
})

/** GET waits the hub's latency too: the clock is moved just enough for that by asking with none. */
async function stateOf2(world: TestWorld, id: string): Promise<string> {
  await world.set({ latency_ms: { transfer: 0 } })
  const state = await stateOf(world, id)
  await world.set({ latency_ms: { transfer: 5000 } })
  return state
}

describe('the SDK’s moods', () => {
  it('refuses malformed orders in the SDK’s words, and takes a number for an amount', async () => {
    const world = await openTestWorld()
    const refusal = async (more: Record<string, unknown>): Promise<unknown> => {
      const answer = await world.post('22890123456', more)
      return [answer.status, answer.json.message, answer.json.statusCode]
    }
    const pattern = 'must match pattern "^([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[1-9])?$"'
    for (const amount of ['0010', '10000.50', '-5', '1e3', ' 5'])
      expect(await refusal({ amount })).toEqual([400, pattern, 400])
    const from = { idType: 'MSISDN', idValue: '123456789', displayName: 'Trésor Public' }
    expect((await refusal({ from })) as unknown[]).toContain(400)
    expect(await refusal({ from: { ...from, displayName: undefined, firstName: 'Trésor' } })).toEqual([
      200,
      undefined,
      undefined,
    ])
    expect(await refusal({ amountType: 'GIVE' })).toEqual([
      400,
      'must be equal to one of the allowed values',
      400,
    ])
    const missing = (await refusal({ currency: undefined })) as string[]
    expect(missing[1]).toContain("must have required property 'currency'")
    expect(await refusal({ amount: 10000 })).toEqual([200, undefined, undefined])
    expect((await world.sdk('POST', '/x', {})).json).toEqual({
      message: "Couldn't match path /x",
      statusCode: 400,
    })
    expect((await world.sdk('POST', '/transfers', '{')).status).toBe(400)
    const health = await world.sdk('GET', '/')
    expect([health.status, health.text]).toEqual([200, ''])
    expect((await world.post('22890123456', { amount: '100.5' })).json.statusCode).toBe('3101')
    await world.close()
  })

  it('refuses our transferId when strict, and chooses a ULID itself', async () => {
    const world = await openTestWorld({ mojaloop: { strict: true } })
    const refused = await world.post('22890123456', { transferId: randomUUID(), amount: 'x' })
    expect(refused.json).toEqual({ message: 'must NOT have additional properties', statusCode: 400 })
    const taken = await world.post('22890123456')
    expect(taken.json.transferId).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    await world.close()
  })

  it('adds noise that a lenient reader survives', async () => {
    const world = await openTestWorld({ mojaloop: { noise: true } })
    const { json } = await world.post('22890123456')
    expect(json['fulfil']?.['body']?.['transferState']).toBe('COMMITTED')
    expect(Object.keys(json['fulfil']?.['body'] ?? {}).length).toBeGreaterThan(3)
    await world.close()
  })

  it('wedges for good on two calls for one payee, until set again', async () => {
    const world = await openTestWorld({ mojaloop: { wedge: true, latency_ms: { quote: 1000 } } })
    const both = [world.post('22890123456'), world.post('22890123456')]
    await pause(50)
    await world.advance(30)
    const statuses = (await Promise.all(both)).map((answer) => answer.status)
    expect(statuses).toEqual([200, 504])
    const other = world.post('22890123999')
    await pause(30)
    await world.advance(30)
    expect((await other).json.message).toContain('Timeout resolving payee')
    expect((await world.sdk('GET', '/')).status).toBe(200)
    // As SDK 18.0.2 answered once it was wedged: test/captures/mojaloop/v18-wedged.jsonl.
    const party = world.sdk('GET', '/parties/MSISDN/123456789')
    await pause(30)
    await world.advance(30)
    expect(await party).toMatchObject({
      status: 500,
      json: { message: 'Timeout', requestPartiesInformationState: {}, statusCode: '500' },
    })
    await world.set({ wedge: true, latency_ms: { quote: 0 } })
    expect((await world.post('22890123999')).status).toBe(200)
    await world.close()
  })

  it('never answers before the latency of its steps', async () => {
    const world = await openTestWorld({ mojaloop: { latency_ms: { party: 20, quote: 20, transfer: 20 } } })
    const { json } = await world.post('22890123456')
    const at = Date.parse(json['initiatedTimestamp'] as unknown as string)
    const done = Date.parse(json['fulfil']?.['body']?.['completedTimestamp'] as unknown as string)
    expect(done - at).toBeGreaterThanOrEqual(60)
    await world.close()
  })
})
