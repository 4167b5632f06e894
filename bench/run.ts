import { setTimeout as pause } from 'node:timers/promises'

/** What every part is given. */
export type Run = {
  /** An empty folder that PostgreSQL's user can enter; removed at the end. */
  readonly folder: string
  /** Lines of the batches of a trial; absent in a real run. */
  readonly lines: number | undefined
  /** Repetitions of what takes seconds, and of what takes longer. */
  readonly repeat: { readonly short: number; readonly long: number }
  /** Whether Debian's packages may be installed for the comparison. */
  readonly install: boolean
  readonly say: (text: string) => void
}

/** Lets what the last repetition left behind (a checkpoint, a collection) come to rest. */
const REST_MS = 500

/**
 * Measures two things by turns, so that a change of the machine's load meets both: first, second, first, second, …
 */
export async function byTurns<A, B>(
  times: number,
  measured: (i: number) => Promise<A>,
  limit: (i: number) => Promise<B>,
): Promise<{ readonly measured: A[]; readonly limit: B[] }> {
  const out = { measured: [] as A[], limit: [] as B[] }
  for (let i = 0; i < times; i++) {
    await pause(REST_MS)
    out.measured.push(await measured(i))
    await pause(REST_MS)
    out.limit.push(await limit(i))
  }
  return out
}

export const secondsSince = (started: number): number => (performance.now() - started) / 1_000
