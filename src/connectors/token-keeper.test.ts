import { expect, test } from 'vitest'
import { isBearer, livesOf, openTokenKeeper, type Fetched } from './token-keeper.ts'

type Trouble = { readonly kind: 'unsent'; readonly because: string }
function opened(lives_ms: number, margin_ms: number) {
  let [at, asked] = [0, 0]
  let trouble: Trouble | undefined
  const keeper = openTokenKeeper<Trouble>({
    margin_ms,
    now: () => at,
    fetch: async (): Promise<Fetched<Trouble>> => {
      asked += 1
      const mine = asked
      await Promise.resolve()
      return trouble ?? { kind: 'token', value: `t${mine}`, lives_ms }
    },
  })
  return {
    ...keeper,
    asked: () => asked,
    go: (to: number) => (at = to),
    fail: (one?: Trouble) => (trouble = one),
  }
}

test('a token is fetched once for all who come meanwhile, and again when its end is near', async () => {
  const tokens = opened(3_600_000, 600_000)
  const first = await Promise.all(Array.from({ length: 100 }, () => tokens.get()))
  expect([tokens.asked(), new Set(first.map((one) => JSON.stringify(one))).size]).toEqual([1, 1])
  tokens.go(2_999_999)
  expect(await tokens.get()).toEqual({ kind: 'token', value: 't1' })
  tokens.go(3_000_000)
  expect(await tokens.get()).toEqual({ kind: 'token', value: 't2' })
})

test('one that lives shorter than its margin is renewed at half of its life, not at each call', async () => {
  const tokens = opened(1_000, 600_000)
  await tokens.get()
  tokens.go(499)
  await tokens.get()
  expect(tokens.asked()).toBe(1)
  tokens.go(500)
  await tokens.get()
  expect(tokens.asked()).toBe(2)
})

test('one that was not taken is dropped by its name, so that a crowd that was refused fetches one', async () => {
  const tokens = opened(3_600_000, 600_000)
  await tokens.get()
  tokens.drop('t1')
  expect(await tokens.get()).toEqual({ kind: 'token', value: 't2' })
  tokens.drop('t1')
  expect(await tokens.get()).toEqual({ kind: 'token', value: 't2' })
  expect(tokens.asked()).toBe(2)
})

test('why there is none is told to all who wait, and the next one asks again', async () => {
  const tokens = opened(3_600_000, 600_000)
  tokens.fail({ kind: 'unsent', because: 'away' })
  const both = await Promise.all([tokens.get(), tokens.get()])
  expect(both.map(({ kind }) => kind)).toEqual(['unsent', 'unsent'])
  tokens.fail()
  expect((await tokens.get()).kind).toBe('token')
  expect(tokens.asked()).toBe(2)
})

test.each([
  ['3600', 3_600_000],
  [60, 60_000],
  [0, 1_000],
  [-5, 1_000],
  ['soon', 1_000],
  [undefined, 1_000],
  [1e9, 1_000],
])('a life of %j', (said, ms) => {
  expect(livesOf(said, 1)).toBe(ms)
})

test.each(['', 'a b', 'a\r\nX: y', 'é', 'x'.repeat(8_193), 7, null])('%j goes into no header', (value) => {
  expect(isBearer(value)).toBe(false)
})
