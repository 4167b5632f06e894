import { killRunning, spawnNode as spawnChild, type NodeProcess, type SpawnOptions } from './child.ts'
import { atEnd } from './ends.ts'

export type { Exit, NodeProcess, SpawnOptions } from './child.ts'

/** As `spawnNode` of `child.ts`; what is still alive at the end of the test file is killed by its number. */
export function spawnNode(file: string, options?: SpawnOptions): NodeProcess {
  atEnd(killRunning)
  return spawnChild(file, options)
}
