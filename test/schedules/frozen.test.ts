import { expect, test } from 'vitest'
import { countersOf, newBatch } from '../harness/payments.ts'
import { until } from '../harness/wait.ts'
import { expectAllWell, expectFirstAttempts, floatOf, isDone, openPlace, payees } from './stage.ts'
import { openWire } from './wire.ts'

test(
  'a worker frozen before its socket write: its orders arrive after another has asked, resent and settled them, and pay nobody again',
  { timeout: 90_000 },
  async () => {
    const place = await openPlace()
    const { db, world, payer } = place
    const wire = await openWire(world.sdk_port)
    const settings = { window_max: 8, timeout_ms: 1_500, review_after_ms: 60_000 }
    const frozen = place.worker('frozen', wire.port, settings)
    await frozen.waitForLine(/lease taken/)
    wire.holdRequests()
    // At the very moment when its first order begins to leave.
    let stopped = false
    wire.onOrder(() => {
      if (stopped) return
      stopped = true
      frozen.kill('SIGSTOP')
    })
    const batch = await newBatch(db, payer, payees(20, 410_000))
    await until('it stands still', async () => stopped)
    const standby = place.worker('standby', world.sdk_port, settings)
    await standby.waitForLine(/lease taken/, 20_000)
    await isDone(db, batch)
    expect(await countersOf(db, batch)).toMatchObject({ state: 'COMPLETED', completed: 20 })
    const before = await world.paid()
    // It wakes up, finishes its writes, and everything that it ever wrote arrives.
    frozen.kill('SIGCONT')
    wire.letGo()
    await frozen.waitForLine(/lease lost/)
    await until('its orders have arrived', async () => wire.orders() > 0)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await world.paid()).toEqual(before)
    await expectFirstAttempts(place, batch, 20)
    expect(await floatOf(db)).toBe(2_000n)
    await expectAllWell(place)
    for (const one of [frozen, standby]) {
      one.kill()
      await one.exited
    }
  },
)
