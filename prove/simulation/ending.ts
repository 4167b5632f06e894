import type { Tables } from './memory/tables.ts'

/** After the last line is final: whatever still waits in a worker's memory has its chance to do harm. */
const AFTER_MS = 6_000

/** Knows when nothing more can happen to any line. */
export type Ending = {
  /** A transaction that changed something was committed. */
  readonly committed: () => void
  /** True when all lines have been final for long enough. */
  readonly isReached: () => boolean
}

/** Looks at the lines again only after a commit: there are many more events than commits. */
export function watchEnding(tables: Tables, now: () => number): Ending {
  let changed = true
  let final_at: number | undefined
  return {
    committed: () => void (changed = true),
    isReached() {
      if (changed) final_at = isFinal(tables) ? (final_at ?? now()) : undefined
      changed = false
      return final_at !== undefined && now() >= final_at + AFTER_MS
    },
  }
}

const OVER = new Set(['PAID', 'FAILED', 'CANCELLED', 'REVIEW'])

const isFinal = (tables: Tables): boolean =>
  [...tables.batches.values()].every((batch) => batch.lines.every((line) => OVER.has(line.state)))
