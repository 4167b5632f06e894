import { isDeepStrictEqual } from 'node:util'

/** What a live run tells: one line per check, and how many passed. */
export type Checks = {
  readonly title: (text: string) => void
  /** Something that was seen and is worth reading; it decides nothing. */
  readonly note: (text: string) => void
  readonly equal: (what: string, seen: unknown, expected: unknown) => void
  readonly that: (what: string, holds: boolean, seen?: string) => void
  readonly fail: (what: string, error: unknown) => void
  /** Prints `N passed, N failed`; true when nothing failed and something passed. */
  readonly end: () => boolean
}

export function openChecks(write: (line: string) => void): Checks {
  const started = performance.now()
  let passed = 0
  let failed = 0
  const say = (mark: string, text: string): void => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(6)
    write(`${seconds} s  ${mark}  ${text}`)
  }
  const judge = (what: string, holds: boolean, seen: string | undefined): void => {
    if (holds) passed += 1
    else failed += 1
    say(holds ? 'ok  ' : 'FAIL', seen === undefined || seen === '' ? what : `${what}: ${seen}`)
  }
  return {
    title: (text) => write(`\n${text}`),
    note: (text) => say('    ', text),
    that: judge,
    equal: (what, seen, expected) => {
      const holds = isDeepStrictEqual(seen, expected)
      judge(what, holds, holds ? short(seen) : `${short(seen)} instead of ${short(expected)}`)
    },
    fail: (what, error) => judge(what, false, error instanceof Error ? error.message : String(error)),
    end: () => {
      write(`\n${passed} passed, ${failed} failed`)
      return failed === 0 && passed > 0
    },
  }
}

const MOST = 300
const plain = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
const short = (value: unknown): string =>
  (typeof value === 'string' ? value : JSON.stringify(value, plain)).slice(0, MOST)
