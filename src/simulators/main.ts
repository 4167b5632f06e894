import { join, resolve } from 'node:path'
import { startSimulators } from './index.ts'

/** How long the parent has to move its own clock. */
const PARENT_MS = 5000

/** The simulators as a process of their own: it lives as long as its parent, and no longer than a SIGTERM. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const waiting = new Map<number, () => void>()
  let last_id = 0
  const tellParent = async (advance_s: number): Promise<void> => {
    if (process.send === undefined) return
    const id = ++last_id
    const { promise, resolve: done } = Promise.withResolvers<void>()
    waiting.set(id, done)
    const limit = setTimeout(done, PARENT_MS)
    process.send({ kind: 'clock', advance_s, id })
    await promise
    clearTimeout(limit)
    waiting.delete(id)
  }
  process.on('message', (message: unknown) => {
    if (isClockDone(message)) waiting.get(message.id)?.()
  })
  const simulators = await startSimulators({
    sdk_port: portOf(env, 'SDK_PORT', 4001),
    hub_port: portOf(env, 'HUB_PORT', 4040),
    simulator_port: portOf(env, 'SIMULATOR_PORT', 4100),
    mail_port: portOf(env, 'MAIL_PORT', 0),
    folder: join(resolve(env['CAURI_HOME'] ?? '.cauri'), 'simulators'),
    seed: Number.parseInt(env['SIMULATOR_SEED'] ?? '1', 10) || 1,
    onClock: tellParent,
  })
  const stop = (): void => {
    void simulators.close().finally(() => process.exit(0))
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  process.once('disconnect', stop)
  process.stdout.write(`${JSON.stringify({ ready: simulators.ports })}\n`)
  process.send?.({ kind: 'ready', ports: simulators.ports })
}

function isClockDone(message: unknown): message is { readonly kind: 'clock-done'; readonly id: number } {
  if (typeof message !== 'object' || message === null) return false
  return (
    'kind' in message && message.kind === 'clock-done' && 'id' in message && typeof message.id === 'number'
  )
}

function portOf(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Error(`${name}: ${text} is not a port (0 to 65535)`)
}

try {
  await main(process.env)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
