import { fileURLToPath } from 'node:url'
import { spawnNode, type NodeProcess } from './process.ts'

/** A program that starts the embedded server of the folder given as its argument, and stops it on SIGTERM. */
export const START_POSTGRES = fileURLToPath(new URL('./programs/start-postgres.ts', import.meta.url))

/** Another process that starts the embedded server of a home, as another user if need be. */
export const startElsewhere = (home: string, as: { uid?: number; gid?: number } = {}): NodeProcess =>
  spawnNode(START_POSTGRES, { args: [home], ...as })

/** Waits until it is ready: whether it `started` or `attached`, and the address. initdb may take long on a busy machine. */
export async function readiness(
  process: NodeProcess,
): Promise<{ readonly how: string; readonly url: string }> {
  const [, how = '', url = ''] = await process.waitForLine(/^ready (\w+) (\S+)$/, 45_000)
  return { how, url }
}
