import { defineConfig } from 'vitest/config'
import { summary } from './test/harness/summary.ts'

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'test/**/*.test.ts',
      'scripts/**/*.test.ts',
      'prove/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    globalSetup: './test/harness/global.ts',
    setupFiles: './test/harness/strict.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default', summary()],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/**/*.test.ts'] },
  },
})
