import type { Random } from './random.ts'

/** Every kind of fault, with how likely it is at each opportunity in a world that has it. */
const LIKELY = {
  'database: connection lost before the commit': 0.03,
  'database: commit lost, rolled back': 0.02,
  'database: commit lost, committed': 0.03,
  'database: deadlock': 0.03,
  'database: lock time-out': 0.02,
  'database: slow': 0.05,
  'database: away': 0.6,
  'database: a line that cannot be settled': 0.08,
  'worker: killed before a commit': 0.015,
  'worker: killed after a commit': 0.02,
  'worker: killed after sending': 0.03,
  'worker: killed before reading an answer': 0.03,
  'worker: frozen past its lease': 0.02,
  'worker: frozen before its write': 0.04,
  'worker: machine suspended': 0.5,
  'worker: wall clock set': 0.5,
  'worker: stopped for an upgrade': 0.6,
  'network: request never left': 0.06,
  'network: request lost': 0.06,
  'network: request late': 0.08,
  'network: request delivered again': 0.08,
  'network: answer lost': 0.08,
  'network: answer late': 0.08,
  'rail: effect and 5xx': 0.06,
  'rail: effect and reset': 0.06,
  'rail: effect late': 0.08,
  'rail: never final': 0.02,
  'rail: says RESERVED': 0.08,
  'rail: status flips': 0.25,
  'rail: not found though it is there': 0.35,
  'rail: refuses for good': 0.08,
  'rail: refuses for a while': 0.1,
  'rail: refuses a resend': 0.4,
  'rail: busy (429)': 0.06,
  'rail: refuses us (401)': 0.5,
  'rail: refuses an order because of us (4001)': 0.02,
  'rail: silent': 0.5,
  'rail: pays a wrong amount': 0.02,
  'rail: names a wrong amount': 0.03,
  'rail: names a wrong currency': 0.02,
  'rail: names a wrong party': 0.02,
  'rail: fee within the allowance': 0.2,
  'rail: fee above the allowance': 0.1,
  'rail: refuses and pays': 0.03,
  'people: cancel': 0.8,
  'people: cancel twice': 0.4,
  'people: pause': 0.8,
  'people: hint': 0.9,
  'people: hint again and again': 0.5,
  'people: forged hint': 0.5,
  'people: one person as two': 0.3,
} as const

export type Fault = keyof typeof LIKELY

export const faultKinds = Object.keys(LIKELY) as Fault[]

/** Which faults a world has, and how often each really happened. */
export type Faults = {
  /** True when the fault happens now. Never after `end`. */
  readonly strike: (fault: Fault) => boolean
  /** No more faults: from here on everything must come to its end. */
  readonly end: () => void
  readonly ended: () => boolean
  readonly struck: ReadonlyMap<Fault, number>
}

/**
 * Each world has some of the faults, some of them thick: what is rare everywhere would never meet its partner. Faults
 * in `never` do not fit the world's rail.
 */
export function openFaults(random: Random, never: ReadonlySet<Fault>): Faults {
  const share = random.pick([0.1, 0.25, 0.5, 0.8])
  const likely = new Map<Fault, number>()
  for (const fault of faultKinds) {
    const [has, thick] = [random.chance(share), random.chance(0.3)]
    if (has && !never.has(fault)) likely.set(fault, Math.min(0.9, LIKELY[fault] * (thick ? 4 : 1)))
  }
  const struck = new Map<Fault, number>()
  let ended = false
  return {
    strike(fault) {
      const probability = likely.get(fault)
      if (probability === undefined || ended || !random.chance(probability)) return false
      struck.set(fault, (struck.get(fault) ?? 0) + 1)
      return true
    },
    end: () => void (ended = true),
    ended: () => ended,
    struck,
  }
}
