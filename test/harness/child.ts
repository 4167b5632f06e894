import { spawn } from 'node:child_process'
import { until } from './wait.ts'

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type NodeProcess = {
  readonly pid: number
  /** What it has written so far, its end when that is long. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** The match in the first line (of either output) that matches; throws past the deadline or when the process ends without it. */
  readonly waitForLine: (pattern: RegExp, deadline_ms?: number) => Promise<RegExpExecArray>
  readonly kill: (signal?: NodeJS.Signals) => void
  readonly exited: Promise<Exit>
}

export type SpawnOptions = {
  readonly args?: readonly string[]
  /** Added to this process's environment; undefined takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** What it reads on standard input; nothing when absent. */
  readonly input?: string
  /** Another user, when the tests run as root. */
  readonly uid?: number
  readonly gid?: number
}

/** Starts a file with the Node that runs the tests. `killRunning` ends what is still alive. */
export function spawnNode(file: string, options: SpawnOptions = {}): NodeProcess {
  const { args = [], env = {}, cwd, input, uid, gid } = options
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  child.stdin?.on('error', () => undefined) // it need not read what it is given
  child.stdin?.end(input)
  const said = { stdout: '', stderr: '' }
  const keep = (output: 'stdout' | 'stderr', text: string): void =>
    void (said[output] = (said[output] + text).slice(-MOST_KEPT))
  child.stdout?.setEncoding('utf8').on('data', (text: string) => keep('stdout', text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => keep('stderr', text))
  let over = false
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      said.stderr += String(error) // it never started
      resolve({ code: null, signal: null })
    })
    child.once('close', (code, signal) => resolve({ code, signal }))
  }).finally(() => {
    over = true
    running.delete(handle)
  })
  const waitForLine = (pattern: RegExp, deadline_ms?: number): Promise<RegExpExecArray> =>
    until(
      `a line like ${pattern} of ${file}`,
      async () => {
        const found = findLine(pattern, `${said.stdout}\n${said.stderr}`)
        if (!found && over)
          throw new Error(`${file} ended without ${pattern}:\n${said.stdout}\n${said.stderr}`)
        return found
      },
      deadline_ms,
    )
  const handle: NodeProcess = {
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    waitForLine,
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    exited,
  }
  running.add(handle)
  return handle
}

/** Characters. */
const MOST_KEPT = 1_000_000

function findLine(pattern: RegExp, text: string): RegExpExecArray | undefined {
  for (const line of text.split('\n')) {
    const match = pattern.exec(line)
    if (match) return match
  }
  return undefined
}

const running = new Set<NodeProcess>()

/** Ends every process that this one started, by its number. */
export async function killRunning(): Promise<void> {
  for (const handle of running) {
    handle.kill('SIGKILL')
    await handle.exited
  }
}
