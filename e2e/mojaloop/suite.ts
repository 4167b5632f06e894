import type { Checks } from '../checks.ts'
import type { Processes, Running } from '../processes.ts'
import type { Cauri, Line, Payment } from './cauri.ts'
import type { Hub } from './hub.ts'
import type { AdapterPorts } from './rig.ts'

/** What every part of the run works with. */
export type Suite = {
  readonly checks: Checks
  readonly processes: Processes
  readonly hub: Hub
  readonly ports: AdapterPorts
  readonly redis_port: number
  readonly adapter_file: string
  /** Cauri's data folder: the same one through every restart. */
  readonly home: string
}

/** The adapter and Cauri as they run now; parts restart them. */
export type Site = Suite & { adapter: Running; cauri: Cauri }

export const adapterUrl = (ports: AdapterPorts): string => `http://127.0.0.1:${ports.outbound}`

/** Different payees and amounts, so that no list is another one again. */
export const payees = (first: number, count: number, amount: number): Payment[] =>
  Array.from({ length: count }, (_, i) => ({
    to: `228901${String(first + i).padStart(5, '0')}`,
    amount: BigInt(amount + i),
  }))

/** What the hub moved to these payees: how often, and how much, fees included. */
export function movedTo(hub: Hub, to: ReadonlySet<string>): { readonly times: number; readonly sum: bigint } {
  const mine = hub.movements.filter(({ payee }) => to.has(payee))
  return { times: mine.length, sum: mine.reduce((sum, { amount }) => sum + amount, 0n) }
}

/** How many of these payments the hub made more than once, and how many never. */
export function judge(
  hub: Hub,
  payments: readonly Payment[],
): { readonly twice: number; readonly never: number } {
  let twice = 0
  let never = 0
  for (const { to, amount } of payments) {
    const times = hub.movements.filter((moved) => moved.payee === to && moved.amount === amount).length
    if (times > 1) twice += 1
    if (times === 0) never += 1
  }
  return { twice, never }
}

/** What Cauri says of a line, in its own words. */
export const wordsOf = (line: Line | undefined): string =>
  line === undefined
    ? 'no such line'
    : [line.status, line.error_code].filter((word) => word !== null).join(' ')

/** Every invariant of the ledger and of the payments, by Cauri's own command. */
export function checkBooks({ checks, cauri }: Site): void {
  const { ok, breaches } = cauri.command('ledger', 'check')
  checks.that(
    'every franc is explained (cauri ledger check)',
    ok === true,
    ok === true ? '' : JSON.stringify(breaches),
  )
}
