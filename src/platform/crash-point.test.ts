import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { spawnNode } from '../../test/harness/process.ts'
import { readConfig } from './config.ts'
import { crashPoint, crashPoints, readCrashPoint } from './crash-point.ts'

test('a point and a count are read; anything else is a sentence', () => {
  expect(readCrashPoint('claim.committed')).toEqual({ name: 'claim.committed', n: 1 })
  expect(readCrashPoint('settle.changed:40')).toEqual({ name: 'settle.changed', n: 40 })
  for (const text of ['', 'claim', 'claim.committed:0', 'claim.committed:x', 'claim.committed:1:2'])
    expect(readCrashPoint(text), text).toEqual(expect.any(String))
})

test('unarmed, every point returns', () => {
  for (const name of crashPoints) crashPoint(name)
})

test('armed, the process kills itself the n-th time it comes by, before anything else runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cauri-crash-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const module = fileURLToPath(new URL('./crash-point.ts', import.meta.url))
  writeFileSync(
    join(folder, 'main.ts'),
    `import { armCrashPoint, crashPoint } from '${module}'
     process.on('exit', () => console.log('exit handler'))
     armCrashPoint(process.env.CAURI_CRASH_AT)
     for (let i = 1; i <= 5; i++) {
       crashPoint('claim.written')
       crashPoint('claim.committed')
       console.log('passed', i)
     }`,
  )
  const child = spawnNode(join(folder, 'main.ts'), { env: { CAURI_CRASH_AT: 'claim.committed:3' } })
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(child.stderr()).toContain('crash point claim.committed\n')
  expect(child.stdout()).toBe('passed 1\npassed 2\n')
})

test('the configuration knows the points, and refuses them in production', () => {
  expect(() => readConfig({ CAURI_CRASH_AT: 'claim.committed:2' })).not.toThrow()
  expect(() => readConfig({ CAURI_CRASH_AT: '' })).not.toThrow()
  expect(() => readConfig({ CAURI_CRASH_AT: 'nowhere' })).toThrow('CAURI_CRASH_AT: no such crash point')
  const production = {
    CAURI_MODE: 'production',
    DATABASE_URL: 'postgres://127.0.0.1/x',
    PUBLIC_URL: 'https://pay.example.org',
    SECRET_KEY: 'k'.repeat(40),
    FIELD_ENCRYPTION_KEY: 'f'.repeat(40),
  }
  expect(() => readConfig(production)).not.toThrow()
  expect(() => readConfig({ ...production, CAURI_CRASH_AT: 'claim.committed' })).toThrow(
    'CAURI_CRASH_AT: refused in production',
  )
})
