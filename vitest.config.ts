import { configDefaults, defineConfig } from 'vitest/config'
import { LongestFirst } from './test/harness/sequence.ts'
import { summary } from './test/harness/summary.ts'

/** These look at the memory of their process, which must hold nothing of another file's. */
const ALONE = [
  'src/bulk/file/hostile.test.ts',
  'test/flows/bulk-hostile.test.ts',
  'test/flows/bulk-read.test.ts',
]

const each = {
  setupFiles: './test/harness/each-file.ts',
  testTimeout: 20_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    globalSetup: './test/harness/global.ts',
    pool: 'forks',
    maxWorkers: 3, // on two cores: a file mostly waits for deadlines, leases, and a rail that is slow on purpose
    reporters: ['default', summary()],
    sequence: { sequencer: LongestFirst },
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/**/*.test.ts'] },
    projects: [
      { test: { ...each, name: 'alone', include: ALONE } },
      {
        test: {
          ...each,
          name: 'shared',
          include: [
            'src/**/*.test.ts',
            'test/**/*.test.ts',
            'scripts/**/*.test.ts',
            'prove/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          exclude: [...configDefaults.exclude, ...ALONE],
          // A new process and the product's modules for each file cost more than most files do. Nothing of ours keeps state in
          // a module; what a file opens is closed at its end (test/harness/ends.ts).
          isolate: false,
        },
      },
    ],
  },
})
