import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
let folder: string
let child: ChildProcess | undefined

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cauri-bin-'))
  for (const name of ['scripts', 'src/cli']) mkdirSync(join(folder, name), { recursive: true })
  copyFileSync(join(ROOT, 'scripts/cauri.mjs'), join(folder, 'scripts/cauri.mjs'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(
    join(folder, 'src/cli/main.ts'),
    `const [word, ...rest]: string[] = process.argv.slice(2)
    process.on('SIGTERM', () => process.exit(7))
    console.log(JSON.stringify({ major: Number(process.versions.node.split('.')[0]), word, rest }))
    if (word === 'kill') process.kill(process.pid, 'SIGKILL')
    if (word === 'wait') setInterval(() => undefined, 1_000)
    process.exitCode = 3`,
  )
})
afterAll(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

/** A Node of this machine that is too old for us, when it has one. */
const old = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((path) => join(path, 'node'))
  .filter((path) => !path.includes('node_modules') && existsSync(path))
  .find(
    (path) => Number(/^v(\d+)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout)?.[1]) < 26,
  )

const nodes = [process.execPath, ...(old === undefined ? [] : [old])]

test.each(nodes)('%s hands on the arguments and the exit code, and Node 26 does the work', (node) => {
  const done = spawnSync(node, ['scripts/cauri.mjs', 'pay', 'two words', '--x'], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect(JSON.parse(done.stdout)).toEqual({ major: 26, word: 'pay', rest: ['two words', '--x'] })
  expect(done.status).toBe(3)
})

test.each(nodes)('%s hands on signals, and dies of the signal that its child died of', async (node) => {
  child = spawn(node, ['scripts/cauri.mjs', 'wait'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const started = child
  const exited = new Promise((resolve) => started.once('exit', resolve))
  await new Promise((resolve) => started.stdout?.once('data', resolve))
  started.kill('SIGTERM')
  expect(await exited).toBe(7)
  expect(spawnSync(node, ['scripts/cauri.mjs', 'kill'], { cwd: folder }).signal).toBe('SIGKILL')
})

test.runIf(old !== undefined)('without the pinned Node an old one says what to do', () => {
  rmSync(join(folder, 'node_modules'))
  const done = spawnSync(old ?? '', ['scripts/cauri.mjs'], { cwd: folder, encoding: 'utf8' })
  expect(done.stderr).toMatch(/^cauri: this is Node \S+, and 26 is needed: run npm ci in /)
  expect(done.status).toBe(1)
})
