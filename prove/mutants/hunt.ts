import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Catcher, Mutant } from './mutant.ts'
import { ROOT, type Tree } from './tree.ts'

/** How one planted bug fared. `by` is undefined when nothing found it. */
export type Hunted = {
  readonly mutant: Mutant
  readonly by: string | undefined
  /** What failed, in the catcher's own first words. */
  readonly because: string
  readonly seconds: number
}

const NODE = join(ROOT, 'node_modules/.bin/node')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
/** A catcher that does not come to an end has found something too: the program hangs. */
const LONGEST_MS = 240_000

export const wordsOf = (catcher: Catcher): string => {
  switch (catcher.by) {
    case 'test':
      return catcher.name === undefined ? catcher.file : `${catcher.file} («${catcher.name}»)`
    case 'simulation':
      return `simulation, ${catcher.runs} seeds`
    case 'interleavings':
      return `interleavings, ${catcher.runs} schedules`
  }
}

const argsOf = (catcher: Catcher, seed: number): string[] => {
  switch (catcher.by) {
    case 'test':
      return [VITEST, 'run', catcher.file, ...(catcher.name === undefined ? [] : ['-t', catcher.name])]
    case 'simulation':
      return ['prove/simulation/run.ts', '--seed', String(seed), '--seeds', String(catcher.runs)]
    case 'interleavings':
      return ['prove/interleavings/run.ts', '--seed', String(seed), '--runs', String(catcher.runs), '--first']
  }
}

/** Tests beside the code are the cheapest, whole schedules on a database the dearest. */
const costOf = (catcher: Catcher): number => {
  if (catcher.by === 'test') return catcher.file.startsWith('src/') ? 0 : 2
  return catcher.by === 'simulation' ? 1 : 3
}

/** What may find it, the cheapest first. */
export const catchersOf = ({ caught_by }: Mutant): readonly Catcher[] =>
  caught_by.toSorted((a, b) => costOf(a) - costOf(b))

/** What its first catcher costs. */
export const priceOf = (mutant: Mutant): number => {
  const [first] = catchersOf(mutant)
  return first === undefined ? Number.POSITIVE_INFINITY : costOf(first)
}

export type Hunt = {
  readonly tree: Tree
  readonly seed: number
  readonly database: string
  /** Catchers that were seen to pass without any bug, by their words: who cries always catches nothing. */
  readonly sound: Map<string, Promise<boolean>>
}

/** Plants one bug and runs what should catch it, in order, until something fails that passes without the bug. */
export async function hunt({ tree, seed, database, sound }: Hunt, mutant: Mutant): Promise<Hunted> {
  const started = performance.now()
  const isSound = (catcher: Catcher): Promise<boolean> => {
    const words = wordsOf(catcher)
    const known = sound.get(words)
    const passes = known ?? run(tree.folder, argsOf(catcher, seed), database).then(({ failed }) => !failed)
    sound.set(words, passes)
    return passes
  }
  for (const catcher of catchersOf(mutant)) {
    tree.plant(mutant)
    const { failed, said } = await run(tree.folder, argsOf(catcher, seed), database).finally(() =>
      tree.restore(mutant),
    )
    const seconds = (performance.now() - started) / 1_000
    if (failed && (await isSound(catcher))) return { mutant, by: wordsOf(catcher), because: said, seconds }
    if (failed) return { mutant, by: undefined, because: `${wordsOf(catcher)} fails without it too`, seconds }
  }
  return { mutant, by: undefined, because: '', seconds: (performance.now() - started) / 1_000 }
}

/** Runs a program in the mutated tree on a database server that is there already. */
async function run(
  folder: string,
  args: readonly string[],
  database: string,
): Promise<{ readonly failed: boolean; readonly said: string }> {
  const child = spawn(NODE, args, {
    cwd: folder,
    env: { ...process.env, TEST_DATABASE_URL: database, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let out = ''
  const hear = (chunk: Buffer): void => void (out = (out + chunk.toString()).slice(-60_000))
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  let late = false
  const timer = setTimeout(() => {
    late = true
    endGroup(child.pid)
  }, LONGEST_MS)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  endGroup(child.pid) // what a killed test left behind
  return { failed: code !== 0, said: late ? `no end after ${LONGEST_MS / 1_000} s` : firstWords(out) }
}

/** The group that this process started for its child; it may be gone. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // nobody is left in it
  }
}

/** The first line that tells what went wrong. */
const firstWords = (out: string): string =>
  (
    /^\s*(?:FAIL .*|"?seed \d+.*|.*AssertionError.*|Error: .*|.*(?:twice|lost|stuck|invariant)[a-z]*: .*)$/m.exec(
      out,
    )?.[0] ??
    out.trim().split('\n').at(-1) ??
    ''
  )
    .trim()
    .slice(0, 200)
