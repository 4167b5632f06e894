import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const repository = join(import.meta.dirname, '..')
let house: string

beforeEach(async () => {
  house = await mkdtemp(join(tmpdir(), 'cauri-imports-'))
  await cp(join(repository, 'architecture.json'), join(house, 'architecture.json'))
  await plant(SOUND)
})
afterEach(() => rm(house, { recursive: true, force: true }))

/** A house in order: each test plants one fault in it. */
const SOUND = {
  'src/platform/db.ts': `export type Tx = { one(): void }
    export const sql = (parts: TemplateStringsArray): string => parts.join('')
    export const assertNoTransaction = (): void => undefined`,
  'src/ledger/index.ts': `export { post } from './post.ts'`,
  'src/ledger/post.ts': `import { sql } from '../platform/db.ts'
    export const post = (): string => sql\`insert into ledger_lines select 1\``,
  'src/bulk/index.ts': `import { post } from '../ledger/index.ts'
    import { sql } from '../platform/db.ts'
    // a comment may name './nothing.ts' and ledger_lines
    export const bulk = post
    export const rows = sql\`select bulk_id from bulk_files where note = 'from ledger_lines'\``,
  'src/connectors/rail.ts': 'export type Rail = { readonly name: string }',
  'src/connectors/mojaloop/index.ts': `import { assertNoTransaction } from '../../platform/db.ts'
    import type { Rail } from '../rail.ts'
    export const rail = (): Rail => (assertNoTransaction(), { name: 'mojaloop' })`,
  'src/simulators/index.ts': 'export const simulators = 1',
  'src/app.ts': `export { bulk } from './bulk/index.ts'`,
  'src/main.ts': `import { bulk } from './app.ts'
    console.log(bulk, process.env['PORT'])`,
  'src/bulk/index.test.ts': `import { rows } from './index.ts'
    import { simulators } from '../simulators/index.ts'
    import { start } from '../../test/harness/start.ts'
    export const seen = [rows, simulators, start, Date.now()]`,
  'test/harness/start.ts': `import { post } from '../../src/ledger/post.ts'
    export const start = post`,
  'migrations/0001_ledger.sql':
    'create table ledger_lines (id bigint); create function ledger_post() returns void;',
  'migrations/0002_bulk.sql': `create table bulk_files (id bigint, line bigint references ledger_lines (id));
    comment on table bulk_files is 'never join ledger_lines'; select ledger_post();`,
}

async function plant(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(house, path)), { recursive: true })
    await writeFile(join(house, path), text)
  }
}

function check(): Promise<{ ok: boolean; text: string }> {
  const script = join(repository, 'scripts', 'check-imports.mjs')
  return new Promise((resolve) =>
    execFile(process.execPath, [script, house], (error, stdout, stderr) =>
      resolve({ ok: error === null, text: stdout + stderr }),
    ),
  )
}

test('a house in order has no fault', async () => {
  expect(await check()).toEqual({ ok: true, text: '' })
})

const FAULTS: readonly [string, Record<string, string>, string][] = [
  [
    'a module that imports against the table',
    { 'src/ledger/up.ts': `import { bulk } from '../bulk/index.ts'\nexport const up = bulk` },
    'src/ledger/up.ts:1  ledger may not import bulk',
  ],
  [
    'a type that is imported against the table',
    { 'src/platform/up.ts': `\nexport type { Rail } from '../connectors/rail.ts'` },
    'src/platform/up.ts:2  platform may not import connectors',
  ],
  [
    'a dynamic import against the table',
    { 'src/audit/index.ts': `export const up = (): unknown => import('../bulk/index.ts')` },
    'src/audit/index.ts:1  audit may not import bulk',
  ],
  [
    'an import past a door',
    { 'src/bulk/deep.ts': `import { post } from '../ledger/post.ts'\nexport const deep = post` },
    'src/bulk/deep.ts:1  past the door of ledger: import its index.ts, not post.ts',
  ],
  [
    'a test beside a module that goes past another module’s door',
    { 'src/bulk/deep.test.ts': `import { post } from '../ledger/post.ts'\nexport const deep = post` },
    'src/bulk/deep.test.ts:1  past the door of ledger',
  ],
  [
    'a simulator that imports a connector',
    { 'src/simulators/hub.ts': `import type { Rail } from '../connectors/rail.ts'\nexport type Hub = Rail` },
    'src/simulators/hub.ts:1  simulators may not import connectors',
  ],
  [
    'a connector that sees a transaction',
    { 'src/connectors/bad.ts': `import { type Tx, assertNoTransaction } from '../platform/db.ts'` },
    'src/connectors/bad.ts:1  Tx of platform/db.ts: a connector never sees a Db or a Tx',
  ],
  [
    'a feature that imports app.ts',
    { 'src/bulk/up.ts': `import { bulk } from '../app.ts'\nexport const up = bulk` },
    'src/bulk/up.ts:1  nothing but main, start, cli may import app',
  ],
  [
    'a cycle of files inside a module',
    {
      'src/bulk/a.ts': `import { b } from './b.ts'\nexport const a = b`,
      'src/bulk/b.ts': `import type { a } from './c.ts'\nexport const b = 1`,
      'src/bulk/c.ts': `export { a } from './a.ts'`,
    },
    'a cycle of imports: src/bulk/a.ts ↔ src/bulk/b.ts ↔ src/bulk/c.ts',
  ],
  ['a folder that the table does not know', { 'src/loans/index.ts': '' }, '“loans” is not a module'],
  [
    'code that imports a test’s harness',
    { 'src/bulk/up.ts': `export { start } from '../../test/harness/start.ts'` },
    'src/bulk/up.ts:1  src/ imports nothing outside src/',
  ],
  [
    'a console that imports the server',
    { 'console/main.tsx': `import { bulk } from '../src/bulk/index.ts'\nexport const c = bulk` },
    'console/main.tsx:1  console imports nothing of src/',
  ],
  [
    'a driver of the database outside platform',
    { 'src/bulk/sql.ts': `import pg from 'pg'\nexport const pool = pg.Pool` },
    'src/bulk/sql.ts:1  the package pg is imported by platform only',
  ],
  [
    'another module’s table in a statement',
    {
      'src/bulk/sql.ts':
        'export const q = (sql: any, id: string) => sql`\n  select 1 from ledger_lines where id = ${id}`',
    },
    'src/bulk/sql.ts:2  bulk names ledger_lines, which belongs to ledger',
  ],
  [
    'another module’s table after a nested fragment',
    {
      'src/bulk/sql.ts':
        'export const q = (sql: any) => sql`select ${sql`1`}, x from bulk_files, ledger_lines`',
    },
    'src/bulk/sql.ts:1  bulk names ledger_lines',
  ],
  [
    'another module’s table in a plain string of SQL',
    { 'src/bulk/sql.ts': `export const q = 'copy payments_lines from stdin'` },
    'src/bulk/sql.ts:1  bulk names payments_lines, which belongs to payments',
  ],
  [
    'another module’s table in a migration',
    { 'migrations/0003_bulk_more.sql': '-- ledger_lines\nalter table ledger_lines add column bulk text;' },
    'migrations/0003_bulk_more.sql:2  bulk names ledger_lines',
  ],
  [
    'a reference to a table of a module above',
    { 'migrations/0003_ledger_up.sql': 'alter table ledger_lines add f bigint references bulk_files (id);' },
    'migrations/0003_ledger_up.sql:1  ledger names bulk_files, which belongs to bulk',
  ],
  [
    'a migration of nobody',
    { 'migrations/0003_more.sql': '' },
    'migrations/0003_more.sql:1  the file is not named',
  ],
  [
    'the machine’s clock in a feature',
    { 'src/bulk/late.ts': `export const late = (at: Date): boolean => at < new Date()` },
    'src/bulk/late.ts:1  new Date(): features take the time from the database',
  ],
  [
    'the environment read in a feature',
    { 'src/bulk/env.ts': `export const port = process.env['PORT']` },
    'src/bulk/env.ts:1  process.env: the environment is read once',
  ],
]

test.each(FAULTS)('%s is found', async (_title, files, expected) => {
  await plant(files)
  const { ok, text } = await check()
  expect(text).toContain(expected)
  expect(text).toContain('1 fault against')
  expect(ok).toBe(false)
})

test('views that a module publishes are open to the modules above it, and to no other', async () => {
  const statement =
    'export const q = (sql: any) => sql`select 1 from bulk_public_batches, ledger_public_sums`'
  await plant({ 'src/bulk/sql.ts': statement })
  expect((await check()).ok).toBe(true)
  await plant({ 'src/audit/sql.ts': statement })
  expect((await check()).text).toContain('audit names bulk_public_batches')
})
