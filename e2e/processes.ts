import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

export type Env = Readonly<Record<string, string | undefined>>

export type Program = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Env
  readonly cwd?: string
  /** What is left to do once it has ended. */
  readonly after?: () => void
}

export type Running = {
  readonly pid: number
  /** What it has written so far, both outputs. */
  readonly said: () => string
  readonly alive: () => boolean
  /** SIGTERM, and SIGKILL when that is not enough; the same promise for every caller. */
  readonly stop: () => Promise<void>
}

export type Processes = {
  readonly start: (program: Program) => Running
  /** Ends everything that is still alive, the last one first. */
  readonly stopAll: () => Promise<void>
}

/** Cauri itself needs less than ten seconds to end, whatever hangs. */
const STOP_MS = 12_000

/** Programs that write to a file of their own in `folder` and are ended by their number. */
export function openProcesses(folder: string): Processes {
  const all: Running[] = []
  let stopping = false
  return {
    start: (program) => {
      if (stopping) throw new Error(`${program.name} is not started: everything is being stopped`)
      const running = startOne(program, join(folder, `${program.name}-${all.length}.log`))
      all.push(running)
      return running
    },
    stopAll: async () => {
      stopping = true
      for (const running of all.toReversed()) await running.stop()
    },
  }
}

function startOne({ command, args, env = {}, cwd, after }: Program, log: string): Running {
  const file = openSync(log, 'w')
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', file, file],
    ...(cwd === undefined ? {} : { cwd }),
  })
  closeSync(file)
  let over = false
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      over = true
      resolve()
    }
    child.once('close', end)
    child.once('error', end) // it never started
  })
  let stopping: Promise<void> | undefined
  return {
    pid: child.pid ?? 0,
    said: () => readFileSync(log, 'utf8'),
    alive: () => !over,
    stop: () => (stopping ??= stop(child, ended).then(after)),
  }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}

/** Numbers of ports that are free on 127.0.0.1, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  return servers.map((server) => {
    const address = server.address()
    server.close()
    if (address === null || typeof address === 'string') throw new Error('a port was expected')
    return address.port
  })
}

/** Asks again until there is an answer; throws past the deadline, with what the program said. */
export async function until<T>(
  what: string,
  deadline_ms: number,
  ask: () => Promise<T | undefined> | T | undefined,
  running?: Running,
): Promise<T> {
  const end = Date.now() + deadline_ms
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    const gone = running?.alive() === false
    if (gone || Date.now() > end) {
      const said = running === undefined ? '' : `:\n${running.said().slice(-2_000)}`
      throw new Error(`${what}: ${gone ? 'the program ended' : `not within ${deadline_ms} ms`}${said}`)
    }
    await pause(100)
  }
}
