import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('./setup.mjs', import.meta.url))
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** Stands where npm stands: notes how it was called, then installs what the lock file says, or fails. */
const NPM = `
const fs = require('node:fs')
fs.appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n')
console.log('npm talks a lot')
if (fs.existsSync('offline')) { console.error('ECONNREFUSED'); process.exit(1) }
fs.rmSync('node_modules', { recursive: true, force: true })
fs.mkdirSync('node_modules/.bin', { recursive: true })
fs.symlinkSync(fs.existsSync('broken') ? '/bin/false' : ${JSON.stringify(process.execPath)}, 'node_modules/.bin/node')
fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
`

const lockOf = (version: string): string =>
  JSON.stringify({
    packages: {
      '': {},
      'node_modules/a': { version, integrity: `sha512-${version}` },
      'node_modules/other-machine': { version: '1.0.0', optional: true },
      'node_modules/tool': { version: '1.0.0', dev: true },
    },
  })

type Project = {
  folder: string
  run: (event?: string) => { said: string; status: number | null }
  calls: () => number
}

function project(): Project {
  const folder = mkdtempSync(join(tmpdir(), 'cauri-setup-'))
  folders.push(folder)
  mkdirSync(join(folder, 'scripts'))
  copyFileSync(SCRIPT, join(folder, 'scripts/setup.mjs'))
  writeFileSync(join(folder, 'npm-cli.js'), NPM)
  writeFileSync(join(folder, 'package-lock.json'), lockOf('1.0.0'))
  writeFileSync(join(folder, 'calls'), '')
  const npm = { npm_execpath: join(folder, 'npm-cli.js'), npm_node_execpath: process.execPath }
  return {
    folder,
    run: (event = 'pretest') => {
      const done = spawnSync(process.execPath, ['scripts/setup.mjs'], {
        cwd: folder,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', ...npm, npm_lifecycle_event: event },
      })
      return { said: done.stdout + done.stderr, status: done.status }
    },
    calls: () =>
      Number(spawnSync('wc', ['-l', join(folder, 'calls')], { encoding: 'utf8' }).stdout.split(' ')[0]),
  }
}

test('packages are installed once, in one line, and again when the lock file changes', () => {
  const { folder, run, calls } = project()
  expect(run()).toEqual({ said: expect.stringMatching(/^Cauri: installing packages .*\n$/), status: 0 })
  expect(run()).toEqual({ said: '', status: 0 })
  expect(calls()).toBe(1)
  writeFileSync(join(folder, 'package-lock.json'), lockOf('1.0.1'))
  expect(run().said).toMatch(/installing/)
  expect(run()).toEqual({ said: '', status: 0 })
  expect(calls()).toBe(2)
})

test('when installing fails, npm’s words are shown, then what to do; the next run tries again', () => {
  const { folder, run } = project()
  writeFileSync(join(folder, 'offline'), '')
  const failed = run()
  expect(failed.status).toBe(1)
  expect(failed.said).toMatch(
    /npm talks a lot[^]*ECONNREFUSED[^]*Cauri: npm ci failed \(1\).*run the same command again/,
  )
  rmSync(join(folder, 'offline'))
  expect(run().status).toBe(0)
})

test('what someone installed with npm already is taken as it is; another version is not', () => {
  const { folder, run, calls } = project()
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(process.execPath, join(folder, 'node_modules/.bin/node'))
  const record = join(folder, 'node_modules/.package-lock.json')
  writeFileSync(record, lockOf('1.0.0'))
  expect(run()).toEqual({ said: '', status: 0 })
  rmSync(join(folder, 'node_modules/.cauri-setup'))
  writeFileSync(record, lockOf('0.9.0'))
  expect(run().said).toMatch(/installing/)
  expect(calls()).toBe(1)
})

test('development packages may be left out to start, not to test', () => {
  const { folder, run, calls } = project()
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(process.execPath, join(folder, 'node_modules/.bin/node'))
  const runtime = { packages: { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-1.0.0' } } }
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify(runtime))
  expect(run('prestart')).toEqual({ said: '', status: 0 })
  expect(run('pretest').said).toMatch(/installing/)
  expect(calls()).toBe(1)
})

test('a Node that does not run is named, with the way out', () => {
  const { folder, run } = project()
  writeFileSync(join(folder, 'broken'), '')
  expect(run()).toEqual({
    said: expect.stringMatching(/does not run on this .* machine\. On Alpine/),
    status: 1,
  })
})
