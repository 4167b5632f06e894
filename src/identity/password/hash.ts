import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Refusal } from '../../platform/errors.ts'

/** What a hash costs: 64 MiB and some 140 ms of one core (RFC 9106 §4, second recommended option, with one lane). */
export type Cost = { readonly memory: number; readonly passes: number; readonly parallelism: number }
export const COST: Cost = { memory: 65_536, passes: 3, parallelism: 1 }

const TAG_BYTES = 32
const SALT_BYTES = 16
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

const run = promisify(argon2)

/** Hashes and verifies passwords, so many at once; the others wait in a short line. */
export type Hasher = {
  /** A PHC string. */
  readonly hash: (password: string) => Promise<string>
  /** Whether the password is the one of the PHC string. */
  readonly verify: (password: string, phc: string) => Promise<boolean>
  /** Whether the string was made at another cost than today's: the next sign-in makes it anew. */
  readonly isOutdated: (phc: string) => boolean
  /** A string that no password has, of the same cost: for people who do not exist. */
  readonly nobody: string
}

export type HasherOptions = {
  readonly cost?: Cost
  readonly at_once?: number
  /** How many may wait for their turn; one more is refused UNAVAILABLE with Retry-After. */
  readonly waiting?: number
}

export function openHasher({ cost = COST, at_once = 2, waiting = 16 }: HasherOptions = {}): Hasher {
  const turn = openTurns(at_once, waiting)
  const prefix = `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$`
  return {
    hash: (password) =>
      turn(async () => {
        const salt = randomBytes(SALT_BYTES)
        return `${prefix}${base64(salt)}$${base64(await tagOf(password, salt, cost, TAG_BYTES))}`
      }),
    verify: (password, phc) =>
      turn(async () => {
        const { salt, tag, cost: made } = readPhc(phc)
        return timingSafeEqual(tag, await tagOf(password, salt, made, tag.length))
      }),
    isOutdated: (phc) => !phc.startsWith(prefix),
    nobody: `${prefix}${base64(randomBytes(SALT_BYTES))}$${base64(randomBytes(TAG_BYTES))}`,
  }
}

const tagOf = (password: string, salt: Buffer, cost: Cost, bytes: number): Promise<Buffer> =>
  // The same letters may be typed composed or not, depending on the keyboard (NIST SP 800-63B §5.1.1.2).
  run('argon2id', { message: password.normalize('NFKC'), nonce: salt, tagLength: bytes, ...cost })

function readPhc(phc: string): { readonly cost: Cost; readonly salt: Buffer; readonly tag: Buffer } {
  const [, m, t, p, salt, tag] = PHC.exec(phc) ?? []
  if (salt === undefined || tag === undefined)
    throw new Error('a stored password is not a PHC string of argon2id')
  const cost = { memory: Number(m), passes: Number(t), parallelism: Number(p) }
  return { cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

/** Base64 without padding, as PHC strings have it. */
const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

/** So much at once, so many in line, first come first served. */
function openTurns(at_once: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const line: (() => void)[] = []
  return async (work) => {
    if (running < at_once) running++
    else if (line.length < waiting) await new Promise<void>((resolve) => line.push(resolve))
    else throw new Refusal('UNAVAILABLE', { retry_after_s: 2 })
    try {
      return await work()
    } finally {
      const next = line.shift()
      // The turn goes over as it is: nobody can slip in between.
      if (next === undefined) running--
      else next()
    }
  }
}
