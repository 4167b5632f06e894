import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  adapterAt,
  mismatches,
  openBackend,
  openPayee,
  receivedBy,
  type Adapter,
  type Reply,
} from '../../../test/harness/backend.ts'
import { freshDatabase } from '../../../test/harness/database.ts'
import { seeded } from '../../../test/harness/seed.ts'
import type { Db } from '../../platform/db.ts'
import type { BackendListener } from '../index.ts'

const payees = [
  { account: 'ACC-ANA', to: '22891112233' },
  { account: 'ACC-BEN', to: '22892221133' },
] as const
const STRANGER = '22890009911'

let db: Db
let desks: { readonly listener: BackendListener; readonly adapter: Adapter }[]

beforeAll(async () => {
  ;({ db } = await freshDatabase())
  for (const { account, to } of payees) await openPayee(db, account, { identifier: to })
  const listeners = [await openBackend(db), await openBackend(db, { credit: 'AT_NOTIFICATION' })]
  desks = listeners.map((listener) => ({ listener, adapter: adapterAt(listener.port) }))
})
afterAll(async () => {
  for (const { listener } of desks) await listener.close()
})

type Call = {
  readonly transfer: number
  readonly desk: number
  readonly does: 'POST' | 'COMMITTED' | 'ABORTED' | 'GET'
  readonly to: string
  readonly amount: string
}
const call: fc.Arbitrary<Call> = fc.record({
  transfer: fc.nat({ max: 2 }),
  desk: fc.nat({ max: 1 }),
  does: fc.constantFrom('POST', 'POST', 'POST', 'COMMITTED', 'ABORTED', 'GET'),
  to: fc.constantFrom(payees[0].to, payees[0].to, payees[1].to, STRANGER),
  amount: fc.constantFrom('700', '700', '900', '100.5'),
})
/** Groups are sent one after the other, the calls of a group at once. */
const story = fc.array(fc.array(call, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 })

type Seen = { readonly call: Call; readonly answer: Reply }

test('whatever repeats, races and comes in any order, each transfer is credited once or never', async () => {
  const { seed } = seeded('incoming')
  const expected = new Map<string, bigint>(payees.map(({ account }) => [account, 0n]))
  await fc.assert(
    fc.asyncProperty(story, async (groups) => {
      const ids = [randomUUID(), randomUUID(), randomUUID()]
      const seen: Seen[] = []
      for (const group of groups)
        seen.push(
          ...(await Promise.all(group.map(async (one) => ({ call: one, answer: await send(ids, one) })))),
        )
      for (const [i, id] of ids.entries()) {
        const credited = await judge(
          id,
          seen.filter((one) => one.call.transfer === i),
        )
        if (credited) expected.set(credited.account, (expected.get(credited.account) ?? 0n) + credited.amount)
      }
      for (const { account } of payees) expect(await receivedBy(db, account)).toBe(expected.get(account))
    }),
    { seed, numRuns: 25, endOnFailure: true },
  )
  expect(await mismatches(db)).toEqual([])
})

async function send(ids: readonly string[], { transfer, desk, does, to, amount }: Call): Promise<Reply> {
  const [id, adapter] = [ids[transfer] ?? '', desks[desk]?.adapter]
  if (adapter === undefined) throw new Error('no such desk')
  if (does === 'POST') return adapter.transfer(id, { to, amount })
  return does === 'GET' ? adapter.call('GET', `/transfers/${id}`) : adapter.notify(id, does)
}

/** Holds what was answered about one transfer against its record; answers what must have been credited. */
async function judge(
  id: string,
  seen: readonly Seen[],
): Promise<{ account: string; amount: bigint } | undefined> {
  for (const { answer } of seen) expect([200, 400, 404], JSON.stringify(answer)).toContain(answer.status)
  const taken = seen.filter(({ call: { does }, answer }) => does === 'POST' && answer.status === 200)
  const adapter = desks[0]?.adapter
  const record = await adapter?.call('GET', `/transfers/${id}`)
  // One order only was taken, and it kept one name.
  const terms = new Set(taken.map(({ call: one }) => `${one.to} ${one.amount}`))
  expect(terms.size).toBeLessThanOrEqual(1)
  expect(new Set(taken.map(({ answer }) => answer.body.homeTransactionId)).size).toBeLessThanOrEqual(1)
  for (const { call: one } of taken) expect([one.to, one.amount]).not.toContain(STRANGER)
  if (terms.size === 0) {
    if (record?.status === 200) expect(record.body.transferState).toBe('ABORTED')
    return undefined
  }
  const { to, amount } = taken[0]?.call ?? { to: '', amount: '' }
  expect(record).toMatchObject({ status: 200, body: { amount, to: { idValue: to } } })
  const told = seen.filter(({ answer }) => answer.status === 200).map(({ call: { does } }) => does)
  const state: unknown = record?.body.transferState
  // It is committed because it was so at once, or because the hub said so; it is aborted because the hub said so.
  if (state === 'ABORTED') expect(told).toContain('ABORTED')
  if (state === 'RESERVED') expect(told.includes('COMMITTED') || told.includes('ABORTED')).toBe(false)
  const account = payees.find((payee) => payee.to === to)?.account
  return state === 'COMMITTED' && account !== undefined ? { account, amount: BigInt(amount) } : undefined
}
