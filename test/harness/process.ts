import { afterAll } from 'vitest'
import { killRunning } from './child.ts'

export { spawnNode, type Exit, type NodeProcess, type SpawnOptions } from './child.ts'

// What is still alive at the end of the test file is killed by its number.
afterAll(killRunning)
