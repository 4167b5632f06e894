import { randomFillSync } from 'node:crypto'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const pool = Buffer.alloc(16_384)
let used = pool.length

/** Where the next `count` random bytes begin in the pool. Ids need to differ, not to be secret. */
function take(count: number): number {
  if (used + count > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += count
  return used - count
}

export function hexId(bytes: number): string {
  const from = take(bytes)
  return pool.toString('hex', from, from + bytes)
}

let stamp_ms = -1
let stamp = ''

/** A ULID (the SDK's default kind of id): 48 bits of milliseconds, 80 random bits, 26 characters. */
export function ulid(at_ms: number): string {
  if (at_ms !== stamp_ms) {
    stamp_ms = at_ms
    stamp = ''
    for (let rest = at_ms, i = 0; i < 10; i++, rest = Math.floor(rest / 32))
      stamp = CROCKFORD.charAt(rest % 32) + stamp
  }
  const from = take(16)
  let text = stamp
  for (let i = 0; i < 16; i++) text += CROCKFORD.charAt((pool[from + i] ?? 0) & 31)
  return text
}
