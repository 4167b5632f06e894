import { decidingMutants } from './deciding.ts'
import { edgeMutants } from './edges.ts'
import { engineMutants } from './engine.ts'
import type { Mutant } from './mutant.ts'
import { settlingMutants } from './settling.ts'

/** Every planted bug. Each must be caught: one that survives shows a test that is missing. */
export const mutants: readonly Mutant[] = [
  ...engineMutants,
  ...settlingMutants,
  ...edgeMutants,
  ...decidingMutants,
]
