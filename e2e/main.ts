import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openChecks } from './checks.ts'
import { Skip } from './mojaloop/install.ts'
import { runMojaloop } from './mojaloop/run.ts'
import { openProcesses } from './processes.ts'

/** Live tests against programs that others make. Exit code: 0 passed, 1 failed, 2 no such test, 77 cannot run here. */
const suites = { mojaloop: runMojaloop }
const SKIPPED = 77

const name = process.argv[2] ?? ''
if (!Object.hasOwn(suites, name)) {
  console.error(`usage: npm run e2e -- <test>, one of: ${Object.keys(suites).join(', ')}`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'cauri-e2e-'))
chmodSync(folder, 0o711) // as root, the database runs as another user
const processes = openProcesses(folder)
const checks = openChecks(console.log)
let ending: Promise<void> | undefined

const end = (code: number): Promise<void> =>
  (ending ??= (async () => {
    await processes.stopAll()
    if (code === 1) console.log(`what the programs wrote: ${folder}`)
    else rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    process.exit(code)
  })())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(130))

try {
  await suites[name as keyof typeof suites](checks, processes, folder)
} catch (error) {
  if (ending === undefined && error instanceof Skip) {
    console.log(`skipped: ${error.message}`)
    await end(SKIPPED)
  }
  if (ending === undefined) checks.fail('the run itself', error)
}
if (ending === undefined) await end(checks.end() ? 0 : 1)
