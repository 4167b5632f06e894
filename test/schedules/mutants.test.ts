import { existsSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mutants } from '../../prove/mutants/list.ts'
import { apply } from '../../prove/mutants/mutant.ts'
import { ROOT } from '../../prove/mutants/tree.ts'

test('there are at least thirty planted bugs, each with a name of its own', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(30)
  expect(new Set(mutants.map((mutant) => mutant.name)).size).toBe(mutants.length)
})

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  '%s: its place occurs once, and what comes of it is still a program',
  (_name, mutant) => {
    const text = readFileSync(join(ROOT, mutant.file), 'utf8')
    const planted = apply(mutant, text)
    expect(planted).not.toBe(text)
    if (mutant.file.endsWith('.ts')) expect(() => stripTypeScriptTypes(planted)).not.toThrow()
    for (const catcher of mutant.caught_by)
      if (catcher.by === 'test') expect(existsSync(join(ROOT, catcher.file)), catcher.file).toBe(true)
    expect(mutant.caught_by.length).toBeGreaterThan(0)
  },
)
