import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { apply, type Mutant } from './mutant.ts'

export const ROOT = resolve(import.meta.dirname, '../..')

/** What the tests and the campaigns need; node_modules is only linked to. */
const PARTS = [
  'src',
  'migrations',
  'test',
  'prove',
  'scripts',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]

/** A private copy of the program: the bugs are planted there and nowhere else. */
export type Tree = {
  readonly folder: string
  readonly plant: (mutant: Mutant) => void
  readonly restore: (mutant: Mutant) => void
  readonly remove: () => void
}

export function copyTree(): Tree {
  const folder = mkdtempSync(join(tmpdir(), 'cauri-mutants-'))
  for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const originals = new Map<string, string>()
  return {
    folder,
    plant(mutant) {
      const file = join(folder, mutant.file)
      const text = readFileSync(file, 'utf8')
      originals.set(mutant.file, text)
      writeFileSync(file, apply(mutant, text))
    },
    restore(mutant) {
      const text = originals.get(mutant.file)
      if (text !== undefined) writeFileSync(join(folder, mutant.file), text)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
