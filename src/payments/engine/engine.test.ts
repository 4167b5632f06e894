import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seeded } from '../../../test/harness/seed.ts'
import { openBreaker } from './breaker.ts'
import { openQueue } from './queue.ts'
import { runsOf } from './recover.ts'
import { referenceOf } from './reference.ts'
import { openWindow } from './window.ts'

const { seed } = seeded('engine')
const secret = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('a reference is the same after a crash: it is made of the secret, the line and the attempt alone', () => {
  expect(referenceOf(secret, 1, 1)).toBe(referenceOf(Buffer.from(secret), 1, 1))
  // Written down, so that a later release keeps asking about the orders of this one.
  expect(referenceOf(secret, 1, 1)).toBe('f24d486a-8fe3-439c-9525-4f24205b5c61')
})

test('references have the shape of a UUIDv4 and differ by line, attempt and secret', () => {
  const other = Buffer.from(secret)
  other[15] = 0
  const seen = new Set<string>()
  for (const key of [secret, other])
    for (let seq = 1; seq <= 400; seq++)
      for (let attempt = 1; attempt <= 5; attempt++) {
        const reference = referenceOf(key, seq, attempt)
        expect(reference).toMatch(UUID_V4)
        seen.add(reference)
      }
  expect(seen.size).toBe(2 * 400 * 5)
  expect(referenceOf(secret, 1_000_000, 1)).not.toBe(referenceOf(secret, 1, 16))
})

test('consecutive numbers become runs that cover them all, and nothing else', () => {
  expect(runsOf(7n, [9, 3, 5, 4])).toEqual([
    { batch_id: 7n, from_seq: 3, to_seq: 5 },
    { batch_id: 7n, from_seq: 9, to_seq: 9 },
  ])
  expect(runsOf(7n, [])).toEqual([])
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), (seqs) => {
      const runs = runsOf(1n, seqs)
      const covered = runs.flatMap((run) =>
        Array.from({ length: run.to_seq - run.from_seq + 1 }, (_, i) => run.from_seq + i),
      )
      expect(covered).toEqual(seqs.toSorted((a, b) => a - b))
      for (const [i, run] of runs.entries())
        expect(i === 0 || run.from_seq > (runs[i - 1]?.to_seq ?? 0) + 1).toBe(true)
    }),
    { seed },
  )
})

type Item = { readonly id: number; readonly payee: string }

/** What a driver does to its queue, in any order. */
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('push' as const), payee: fc.constantFrom('a', 'b', 'c') }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('done' as const, 'back' as const), nth: fc.nat(9) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove' as const), payee: fc.constantFrom('a', 'b', 'c') }),
  },
)

test('whatever the order of work, one per payee is in flight, and nothing is lost or doubled', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const queue = openQueue<Item>((item) => item.payee)
      const inside = new Map<number, string>()
      const flying: Item[] = []
      let pushed = 0
      for (const step of commands) {
        if (step.do === 'push') {
          inside.set(++pushed, step.payee)
          queue.push({ id: pushed, payee: step.payee })
        } else if (step.do === 'take') {
          const item = queue.take()
          if (item !== undefined) {
            expect(inside.delete(item.id)).toBe(true)
            expect(flying.some((other) => other.payee === item.payee)).toBe(false)
            flying.push(item)
          } else
            for (const payee of inside.values()) expect(flying.map((other) => other.payee)).toContain(payee)
        } else if (step.do === 'remove') {
          for (const item of queue.remove((one) => one.payee === step.payee)) {
            expect(item.payee).toBe(step.payee)
            expect(inside.delete(item.id)).toBe(true)
          }
        } else {
          const [item] = flying.splice(step.nth % Math.max(1, flying.length), 1)
          if (item === undefined) continue
          if (step.do === 'back') {
            queue.back(item)
            inside.set(item.id, item.payee)
          }
          queue.done(item)
        }
        expect(queue.length()).toBe(inside.size)
      }
      // Everything that is still inside comes out when nobody is in the way.
      for (const item of flying) queue.done(item)
      for (let item = queue.take(); item !== undefined; item = queue.take()) {
        expect(inside.delete(item.id)).toBe(true)
        queue.done(item)
      }
      expect(inside.size).toBe(0)
    }),
    { seed, numRuns: 400 },
  )
})

test('payments to one payee leave in the order in which they came', () => {
  const queue = openQueue<Item>((item) => item.payee)
  for (let id = 1; id <= 5; id++) queue.push({ id, payee: 'a' })
  const order: number[] = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) {
    expect(queue.take()).toBeUndefined()
    order.push(item.id)
    queue.done(item)
  }
  expect(order).toEqual([1, 2, 3, 4, 5])
})

test('a long queue gives its memory back while it is worked on', () => {
  const queue = openQueue<Item>((item) => item.payee)
  for (let id = 0; id < 10_000; id++) queue.push({ id, payee: `p${id}` })
  for (let id = 0; id < 10_000; id++) {
    const item = queue.take()
    if (item === undefined) throw new Error('the queue ran dry')
    expect(item.id).toBe(id)
    queue.done(item)
  }
  expect(queue.length()).toBe(0)
})

test('the breaker opens after five failures in a row, lets one try after its rest, and closes when that succeeds', () => {
  const breaker = openBreaker(100)
  for (let i = 0; i < 4; i++) breaker.note(i, true)
  breaker.note(4, false)
  for (let i = 5; i < 9; i++) breaker.note(i, true)
  expect(breaker.state()).toBe('CLOSED')
  breaker.note(9, true)
  expect(breaker.allowed(9)).toBe(0)
  expect(breaker.allowed(108)).toBe(0)
  expect(breaker.allowed(109)).toBe(1)
  breaker.note(110, false)
  expect(breaker.allowed(110)).toBe(Number.POSITIVE_INFINITY)
})

test('the breaker opens again when the one that tries fails, and old answers do not close it', () => {
  const breaker = openBreaker(100)
  for (let i = 0; i < 5; i++) breaker.note(0, true)
  breaker.note(50, false) // it left before
  expect(breaker.allowed(99)).toBe(0)
  expect(breaker.allowed(100)).toBe(1)
  breaker.note(101, true)
  expect(breaker.allowed(200)).toBe(0)
  expect(breaker.allowed(201)).toBe(1)
})

test('a connection that was told to stop rests for its own time, unless an operator lets one line try', () => {
  const breaker = openBreaker(100)
  breaker.open(0, 10_000)
  expect(breaker.allowed(9_999)).toBe(0)
  breaker.halfOpen()
  expect(breaker.allowed(1)).toBe(1)
})

test('the window grows while the rail answers fast, shrinks once per window when it suffers, and keeps its limits', () => {
  const window = openWindow(64)
  expect(window.size()).toBe(16)
  for (let i = 0; i < 500; i++) window.note(10, false, true)
  expect(window.size()).toBe(64)
  window.note(10, true, true)
  const cut = window.size()
  expect(cut).toBeLessThan(64)
  for (let i = 0; i < cut - 1; i++) window.note(10, true, true)
  expect(window.size()).toBe(cut) // the same trouble, told by all that were in flight
  for (let i = 0; i < 2_000; i++) window.note(10, true, true)
  expect(window.size()).toBe(4)
  for (let i = 0; i < 2_000; i++) window.note(5_000, false, true)
  expect(window.size()).toBe(4)
})

test('a window of one stays one', () => {
  const window = openWindow(1)
  for (let i = 0; i < 50; i++) window.note(10, i % 3 === 0, true)
  expect(window.size()).toBe(1)
})
