import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Config } from './platform/config.ts'
import type { Log } from './platform/log.ts'

export type SimulatorProcess = {
  readonly ports: {
    readonly sdk: number
    readonly hub: number
    readonly simulator: number
    readonly mail: number
  }
  readonly stop: () => Promise<void>
}

const START_MS = 15_000
const MAIN = fileURLToPath(new URL('./simulators/main.ts', import.meta.url))

/**
 * The outside world in a process of its own: it must survive whatever ours does, and must not share our processor
 * time unseen. It ends when we do, however we end. Throws with its own reason when it cannot start.
 */
export async function startSimulatorProcess(
  config: Config,
  log: Log,
  onClock: (advance_s: number) => Promise<void>,
): Promise<SimulatorProcess> {
  const child = fork(MAIN, [], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      CAURI_HOME: config.home,
      SDK_PORT: String(config.SDK_PORT),
      HUB_PORT: String(config.HUB_PORT),
      SIMULATOR_PORT: String(config.SIMULATOR_PORT),
      MAIL_PORT: String(config.MAIL_PORT),
    },
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4_096)
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ports = await new Promise<SimulatorProcess['ports']>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('the simulators did not start in time'))
    }, START_MS)
    child.once('exit', () => reject(new Error(said.trim() || 'the simulators ended at once')))
    child.on('message', (message) => {
      if (isReady(message)) {
        clearTimeout(timer)
        resolve(message.ports)
      } else if (isClock(message))
        void onClock(message.advance_s)
          .catch((error: unknown) => log.error({ err: error }, 'the sandbox’s clock was not moved'))
          .then(() => child.send({ kind: 'clock-done', id: message.id }))
    })
  })
  return {
    ports,
    stop: async () => {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 1_500)
      await exited
      clearTimeout(late)
    },
  }
}

const has = (value: unknown, kind: string): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind

const isReady = (message: unknown): message is { readonly ports: SimulatorProcess['ports'] } =>
  has(message, 'ready') && typeof message['ports'] === 'object'

const isClock = (message: unknown): message is { readonly advance_s: number; readonly id: number } =>
  has(message, 'clock') && typeof message['advance_s'] === 'number'
