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
