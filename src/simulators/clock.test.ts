import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openClock } from './clock.ts'

describe('the sandbox’s clock', () => {
  it('runs what is due in order when advanced, each at its own time, and nothing that was cancelled', () => {
    const clock = openClock()
    const start = clock.now()
    const ran: [string, number][] = []
    const note = (name: string) => () => ran.push([name, Math.round((clock.now() - start) / 1000)])
    clock.after(30_000, note('c'))
    clock.after(10_000, () => {
      note('a')()
      clock.after(5_000, note('b'))
    })
    clock.after(20_000, note('never'))()
    clock.after(90_000, note('later'))
    clock.advance(60)
    expect(ran).toEqual([
      ['a', 10],
      ['b', 15],
      ['c', 30],
    ])
    expect(clock.offset_ms()).toBe(60_000)
    clock.advance(60)
    expect(ran).toHaveLength(4)
    clock.close()
  })

  it('runs timers by itself as real time passes, never early', async () => {
    const clock = openClock(3_600_000)
    const start = clock.now()
    const done = new Promise<number>((resolve) => clock.after(15, () => resolve(clock.now() - start)))
    expect(await Promise.race([done, pause(5000)])).toBeGreaterThanOrEqual(15)
    clock.close()
  })
})
