import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { until } from '../../test/harness/wait.ts'
import { openLog } from './log.ts'
import { openWatch, type Watch } from './watch.ts'

const log = openLog('silent')
const open: Watch<unknown>[] = []
afterEach(() => open.splice(0).forEach((hub) => hub.close()))

/** A hub over a table in memory that counts its reads. */
function hubOver(table: Map<string, number>, more: { gap_ms?: number; reread_ms?: number } = {}) {
  const reads: string[] = []
  let fail = false
  const hub = openWatch<{ n: number }>({
    log,
    read: async (id) => {
      reads.push(id)
      await pause(2)
      if (fail) throw new Error('the database is away')
      const n = table.get(id)
      return n === undefined ? undefined : { n }
    },
    ...more,
  })
  open.push(hub)
  return { hub, reads, failing: (now: boolean) => void (fail = now) }
}

test('a thousand watchers of one row cost one read, and each sees its state', async () => {
  const { hub, reads } = hubOver(new Map([['a', 7]]))
  const seen: unknown[] = []
  for (let i = 0; i < 1_000; i++) hub.watch('a', (state) => seen.push(state))
  await until('all have seen', async () => seen.length === 1_000)
  expect(seen.every((state) => JSON.stringify(state) === '{"n":7}')).toBe(true)
  expect(reads).toEqual(['a'])
})

test('where telling all who watch takes long, it is done less often', async () => {
  const table = new Map([['a', 0]])
  const { hub, reads } = hubOver(table, { gap_ms: 1 })
  const told_at: number[] = []
  hub.watch('a', () => {
    told_at.push(performance.now())
    while (performance.now() - (told_at.at(-1) ?? 0) < 20);
  })
  await until('it was told four times', async () => {
    table.set('a', told_at.length + 1)
    hub.touch('a')
    return told_at.length === 4
  })
  const gaps = told_at.slice(1).map((at, i) => at - (told_at[i] ?? 0))
  // A lower limit, which no slowness of the machine can break.
  expect(Math.min(...gaps)).toBeGreaterThan(20 + 9 * 20 - 5)
  expect(reads.length).toBeLessThanOrEqual(5)
})

test('a burst of news is read at most once per gap, and the last state is never missed', async () => {
  const table = new Map([['a', 0]])
  const { hub, reads } = hubOver(table, { gap_ms: 50 })
  const seen: number[] = []
  hub.watch('a', (state) => seen.push(state?.n ?? -1))
  await until('the first state', async () => seen.length === 1)
  for (let n = 1; n <= 200; n++) {
    table.set('a', n)
    hub.touch('a')
    await pause(1)
  }
  await until('the last state', async () => seen.at(-1) === 200)
  expect(reads.length).toBeLessThan(40)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
})

test('news without a change is not shown again; a late watcher still gets the state', async () => {
  const { hub, reads } = hubOver(new Map([['a', 1]]), { gap_ms: 1 })
  const first: unknown[] = []
  const late: unknown[] = []
  hub.watch('a', (state) => first.push(state))
  await until('the first', async () => first.length === 1)
  hub.touch('a')
  await until('a second read', async () => reads.length === 2)
  hub.watch('a', (state) => late.push(state))
  await until('the late one', async () => late.length === 1)
  expect(first).toHaveLength(1)
})

test('without any news, each row is read again after a while; an unknown row is seen as such', async () => {
  const table = new Map<string, number>()
  const { hub } = hubOver(table, { gap_ms: 1, reread_ms: 30 })
  const seen: unknown[] = []
  hub.watch('a', (state) => seen.push(state))
  await until('unknown', async () => seen.length === 1)
  table.set('a', 3)
  await until('found', async () => seen.length === 2)
  expect(seen).toEqual([undefined, { n: 3 }])
})

test('a read that fails is tried again, and breaks nothing', async () => {
  const { hub, failing } = hubOver(new Map([['a', 1]]), { gap_ms: 1, reread_ms: 20 })
  failing(true)
  const seen: unknown[] = []
  for (let i = 0; i < 10; i++) hub.watch(i === 0 ? 'a' : `x${i}`, (state) => seen.push(state))
  await pause(60)
  expect(seen).toEqual([])
  failing(false)
  await until('all are read', async () => seen.length === 10)
})

test('who stops watching sees nothing more, and the last one takes the row with him', async () => {
  const table = new Map([['a', 1]])
  const { hub, reads } = hubOver(table, { gap_ms: 1, reread_ms: 20 })
  const seen: unknown[] = []
  const stop = hub.watch('a', (state) => seen.push(state))
  await until('seen', async () => seen.length === 1)
  expect(hub.count()).toBe(1)
  stop()
  stop()
  expect(hub.count()).toBe(0)
  const before = reads.length
  table.set('a', 2)
  hub.touch('a')
  await pause(60)
  expect([seen.length, reads.length]).toEqual([1, before])
})

test('a row whose last watcher left while it waited for its turn is not read', async () => {
  const reads: string[] = []
  const gate = Promise.withResolvers<{ n: number }>()
  const hub = openWatch({ log, read: (id) => (reads.push(id), gate.promise) })
  open.push(hub)
  const seen: string[] = []
  const stops = ['a', 'b', 'c', 'd', 'e'].map((id) => hub.watch(id, () => seen.push(id)))
  await until('every reader is busy', async () => reads.length === 4)
  stops[4]?.()
  gate.resolve({ n: 1 })
  await until('the others have seen', async () => seen.length === 4)
  await pause(5)
  expect(reads).toEqual(['a', 'b', 'c', 'd'])
})

test('where many rows can be read in one query, a round is one query, and unknown rows are seen as such', async () => {
  const asked: number[] = []
  const singles: string[] = []
  const hub = openWatch<number>({
    log,
    read: async (id) => void singles.push(id),
    readMany: async (ids) => {
      asked.push(ids.length)
      return new Map(ids.filter((id) => id !== 'r7').map((id) => [id, Number(id.slice(1))]))
    },
    reread_ms: 40,
  })
  open.push(hub)
  const seen = new Map<string, number | undefined>()
  for (let i = 0; i < 300; i++) hub.watch(`r${i}`, (state) => seen.set(`r${i}`, state))
  await until('all have seen', async () => seen.size === 300)
  expect([seen.get('r7'), seen.get('r8'), singles.length]).toEqual([undefined, 8, 0])
  expect(asked.length).toBeLessThanOrEqual(4)
})
