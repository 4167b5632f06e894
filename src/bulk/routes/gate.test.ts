import { expect, test } from 'vitest'
import { openGate } from './gate.ts'

test('so many run at once, the others in their turn, and one that fails gives its place on', async () => {
  const gate = openGate(2, { isHigh: () => false })
  const begun: number[] = []
  const ends: (() => void)[] = []
  const run = (n: number): Promise<number> =>
    gate(async () => {
      begun.push(n)
      await new Promise<void>((end) => ends.push(end))
      if (n === 1) throw new Error('one')
      return n
    })
  const all = Promise.allSettled([1, 2, 3, 4].map(run))
  await Promise.resolve()
  expect(begun).toEqual([1, 2])
  for (let i = 0; i < 4; i++) {
    ends[i]?.()
    await new Promise((turn) => setImmediate(turn))
  }
  expect(begun).toEqual([1, 2, 3, 4])
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
  expect(await gate(async () => 5)).toBe(5)
})

test('under pressure one runs at a time, and everyone has his turn', async () => {
  let high = true
  const gate = openGate(4, { isHigh: () => high })
  let [running, most, done] = [0, 0, 0]
  const run = (): Promise<void> =>
    gate(async () => {
      most = Math.max(most, ++running)
      await new Promise((turn) => setTimeout(turn, 2))
      running--
      done++
    })
  await Promise.all(Array.from({ length: 6 }, run))
  expect([most, done]).toEqual([1, 6])
  high = false
  await Promise.all(Array.from({ length: 6 }, run))
  expect([most, done]).toEqual([4, 12])
})

test('who waits too long for a turn is told to come back, and the next one has it', async () => {
  const gate = openGate(1, { isHigh: () => false }, 30)
  const held = Promise.withResolvers<string>()
  const first = gate(() => held.promise)
  let ran = false
  const refused = gate(async () => {
    ran = true
  })
  await expect(refused).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    more: { retry_after_s: expect.any(Number) },
  })
  const next = openTurn(gate)
  held.resolve('done')
  expect([await first, await next, ran]).toEqual(['done', 'had', false])
})

const openTurn = (gate: ReturnType<typeof openGate>): Promise<string> => gate(async () => 'had')
