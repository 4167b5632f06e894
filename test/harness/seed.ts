import { createServer } from 'node:net'
import { listen } from './listen.ts'

export type Seeded = {
  readonly seed: number
  /** A number from 0 up to but not including 1. */
  readonly random: () => number
}

/**
 * Randomness that can be had again: the seed comes from TEST_SEED or by chance, and is printed. The name keeps two
 * users of one seed apart.
 */
export function seeded(name: string): Seeded {
  const given = process.env['TEST_SEED']
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given)
  if (!Number.isInteger(seed)) throw new Error(`TEST_SEED must be a whole number, not ${given}`)
  console.log(`${name}: TEST_SEED=${seed}`)
  return { seed, random: randomOf(seed, name) }
}

/** The numbers of a seed under a name: each part of a program draws its own, whatever the others draw. */
export const randomOf = (seed: number, name: string): (() => number) => mulberry32(seed ^ hash(name))

/** Mulberry32: 32 bits of state, a full period of 2^32; enough to vary tests, not to keep secrets. */
function mulberry32(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193)
  return value
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
