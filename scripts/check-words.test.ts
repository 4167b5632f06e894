import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cauri-words-'))
  execFileSync('git', ['init', '--quiet'], { cwd: folder })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function check(): Promise<{ ok: boolean; text: string }> {
  const script = join(import.meta.dirname, 'check-words.mjs')
  return new Promise((resolve) =>
    execFile(process.execPath, [script, folder], (error, stdout, stderr) =>
      resolve({ ok: error === null, text: stdout + stderr }),
    ),
  )
}

const plant = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)

test('a folder with plain sentences and links that lead somewhere is in order', async () => {
  await plant(
    'a.md',
    '# A\n\nSee [b](b.md#part) and [the web](https://example.org).\n\n```md\n[x](nowhere.md)\n```\n',
  )
  await plant('b.md', 'The share of each, homework, workers.')
  expect(await check()).toEqual({ ok: true, text: '' })
})

// Joined here, so that this file does not contain what it plants.
const FAULTS: readonly [string, string, string][] = [
  ['a path of one machine', 'a.ts', `const at = '${['', 'home', 'awa', 'cauri'].join('/')}'`],
  ['a package registry', 'package-lock.json', `{\n  "${'resol'}ved": "somewhere"\n}`],
  ['unfinished work', 'a.ts', `// ${'TO'}DO later`],
  ['a number that means nothing to the reader', 'a.md', `See ${'iss'}ue 12.`],
  ['the link to nowhere.md leads nowhere', 'a.md', '[x](nowhere.md)'],
]

test.each(FAULTS)('%s is found', async (why, name, text) => {
  await plant(name, text)
  const found = await check()
  expect(found.text).toContain(why)
  expect(found.text.trim().split('\n')).toHaveLength(1)
  expect(found.ok).toBe(false)
})

test('a file that git ignores is not read', async () => {
  await plant('.gitignore', 'a.ts\n')
  await plant('a.ts', `// ${'TO'}DO`)
  expect((await check()).ok).toBe(true)
})
