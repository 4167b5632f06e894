import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { emptyHome } from '../harness/home.ts'
import { until } from '../harness/wait.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('SIGTERM to npm start ends everything that it has started', { timeout: 120_000 }, async () => {
  const home = emptyHome()
  const ports = { PORT: '0', SDK_PORT: '0', HUB_PORT: '0', SIMULATOR_PORT: '0' }
  const npm = spawn('npm', ['start'], {
    cwd: ROOT,
    env: { ...process.env, CAURI_HOME: home, ...ports },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [npm.stdout, npm.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (said += text))
  // The worker names its process: where the test fails, that is what must not stay.
  const pid = (): number => Number(/"worker":"[^":]+:(\d+):/.exec(said)?.[1] ?? 0)
  onTestFinished(() => {
    if (pid() > 0 && existsSync(`/proc/${pid()}`)) process.kill(pid(), 'SIGKILL')
  })
  const said_so = async (pattern: RegExp): Promise<string | undefined> => pattern.exec(said)?.[1]
  const base = await until('npm start is ready', () => said_so(/^ready (http\S+)/m), 90_000)
  await until('the worker has its lease', async () => pid() > 0, 20_000)
  expect(npm.kill('SIGTERM')).toBe(true)
  await until(
    'nothing answers any more',
    () =>
      fetch(`${base}/health`).then(
        () => false,
        () => true,
      ),
    20_000,
  )
  const database = join(home, 'postgres/data/postmaster.pid')
  await until('the database is stopped', async () => !existsSync(database), 20_000)
})
