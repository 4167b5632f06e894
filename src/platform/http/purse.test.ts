import { expect, test } from 'vitest'
import { openPurse } from './purse.ts'

test('who comes now and then finds it full; a crowd gets its share of the time and no more', () => {
  let now = 0
  const purse = openPurse({ share: 0.25, most_ms: 100 }, () => now)
  purse.pay(60)
  expect(purse.isEmpty()).toBe(false)
  purse.pay(60) // let in while something was left
  expect(purse.isEmpty()).toBe(true)
  now += 79
  expect(purse.isEmpty()).toBe(true)
  now += 2
  expect(purse.isEmpty()).toBe(false)
  now += 1_000_000
  expect(purse.isEmpty()).toBe(false)
  purse.pay(100) // it holds no more than 100
  expect(purse.isEmpty()).toBe(true)
  let used = 0
  const started = now
  for (; now < started + 100_000; now += 5) {
    if (purse.isEmpty()) continue
    purse.pay(20)
    used += 20
  }
  expect(used).toBeGreaterThan(24_900)
  expect(used).toBeLessThan(25_100)
})

test('one that took very long does not shut out the others for as long', () => {
  let now = 0
  const purse = openPurse({ share: 0.25, most_ms: 100 }, () => now)
  purse.pay(60_000)
  purse.pay(1)
  expect(purse.isEmpty()).toBe(true)
  now += 5
  expect(purse.isEmpty()).toBe(false)
})
