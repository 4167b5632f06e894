import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { spawnNode } from '../../test/harness/process.ts'
import { openDb, type Db } from '../platform/db.ts'
import { sha256 } from '../platform/ids.ts'
import {
  exportTrail,
  keyFromSeed,
  newestCheckpoint,
  originOf,
  record,
  seal,
  verifierOf,
  verifiersOf,
} from './index.ts'

const CLI = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
const VERIFIER = fileURLToPath(new URL('../../scripts/verify-audit.mjs', import.meta.url))
const seed = sha256('a key of the tests')
const key = keyFromSeed(seed)
const folder = mkdtempSync(join(tmpdir(), 'cauri-tamper-'))
afterAll(() => rmSync(folder, { recursive: true }))
/** Each command is a process of its own; several at once share a busy machine. */
vi.setConfig({ testTimeout: 60_000 })

type Done = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

async function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Done> {
  const quiet = { LANG: 'C', LC_ALL: undefined, LC_MESSAGES: undefined, LOG_LEVEL: undefined }
  const child = spawnNode(file, { args, cwd: folder, env: { ...quiet, ...env } })
  const { code } = await child.exited
  return { code, stdout: child.stdout(), stderr: child.stderr() }
}

const alone = (...args: readonly string[]): Promise<Done> => run(VERIFIER, args)

type Trail = {
  readonly db: Db
  readonly owner: Db
  readonly cauri: (...args: readonly string[]) => Promise<Done>
  readonly vkey: string
  /** The checkpoint of twelve acts, kept in a file. */
  readonly kept: string
}

const acts = (db: Db, n: number): Promise<void> =>
  db.tx(async (tx) => {
    for (let i = 0; i < n; i++)
      await record(tx, {
        actor: 'awa',
        action: 'account.topped-up',
        subject: `a-${i}`,
        detail: { amount: '10' },
      })
  })

const owners: Db[] = []
afterAll(() => Promise.all(owners.map((owner) => owner.end())))

let trails = 0
/** Twelve acts in checkpoints of 5, 9 and 12. */
async function openTrail(): Promise<Trail> {
  const { db, ownerUrl } = await freshDatabase()
  const owner = openDb({ url: ownerUrl, max: 1 })
  owners.push(owner)
  for (const n of [5, 4, 3]) {
    await acts(db, n)
    await seal({ db, key })
  }
  const kept = join(folder, `kept-${++trails}`)
  writeFileSync(kept, (await newestCheckpoint(db))?.note ?? '')
  const env = { DATABASE_URL: ownerUrl, CAURI_HOME: folder, AUDIT_SIGNING_KEY: seed.toString('base64') }
  return {
    db,
    owner,
    cauri: (...args) => run(CLI, args, env),
    vkey: verifierOf(await originOf(db), key).vkey,
    kept,
  }
}

/** As a hand with the owner's rights would, with all triggers off. */
const tamper = ({ owner }: Trail, statements: readonly string[]): Promise<void> =>
  owner.tx(async (tx) => {
    await tx.run({ text: 'set local session_replication_role = replica', values: [] })
    for (const text of statements) await tx.run({ text, values: [] })
  })

type Exported = { readonly path: string; readonly lines: readonly string[] }
let exports = 0
async function exported({ db }: Trail): Promise<Exported> {
  let text = ''
  await exportTrail(db, verifiersOf(await originOf(db), key), async (more) => void (text += more))
  const path = join(folder, `export-${++exports}`)
  writeFileSync(path, text)
  return { path, lines: text.trimEnd().split('\n') }
}

const rewritten = (lines: readonly string[]): string => {
  const path = join(folder, `changed-${++exports}`)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

describe('a trail that nobody touched', () => {
  let trail: Trail
  beforeAll(async () => {
    trail = await openTrail()
  })

  test('is sound for the command, with and without a kept checkpoint, and for the verifier that needs nothing', async () => {
    const path = join(folder, 'sound')
    const [plain, json, since, printed, publicKey, exporting] = await Promise.all([
      trail.cauri('audit', 'verify'),
      trail.cauri('audit', 'verify', '--json'),
      trail.cauri('audit', 'verify', '--checkpoint', trail.kept, '--key', trail.vkey),
      trail.cauri('audit', 'checkpoint'),
      trail.cauri('audit', 'key'),
      trail.cauri('audit', 'export', path, '--json'),
    ])
    expect(plain).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^Nothing was changed: 12 acts in 3/),
    })
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      size: 12,
      checkpoints: 3,
      waiting: 0,
      faults: [],
    })
    expect(since.code).toBe(0)
    expect(printed.stdout).toBe(readFileSync(trail.kept, 'utf8'))
    expect(publicKey.stdout.trim()).toBe(trail.vkey)
    expect(JSON.parse(exporting.stdout)).toMatchObject({ size: 12, checkpoints: 3 })
    expect(readFileSync(path)).toEqual(readFileSync((await exported(trail)).path))
    const keys = join(folder, 'keys')
    writeFileSync(keys, publicKey.stdout)
    const done = await alone(path, '--key', keys, '--checkpoint', trail.kept)
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(done.stdout).toMatch(/^ok: 12 acts, 3 checkpoints, root [A-Za-z0-9+/]{43}=\n$/)
    expect(done.stdout).toContain((JSON.parse(json.stdout) as { root: string }).root)
  })

  test('proofs of the command are accepted by the verifier, and no changed one is', async () => {
    await acts(trail.db, 4)
    await seal({ db: trail.db, key })
    const { id } = await trail.db.one<{ id: bigint }>({
      text: 'select event_id as id from audit_leaves where leaf_index = 6',
      values: [],
    })
    const proofs = await Promise.all([
      trail.cauri('audit', 'prove', String(id)),
      trail.cauri('audit', 'prove', '--since', trail.kept),
    ])
    expect(proofs.map(({ code }) => code)).toEqual([0, 0])
    for (const { stdout } of proofs) {
      const good = rewritten([stdout])
      expect(await alone('--proof', good, '--key', trail.vkey)).toMatchObject({ code: 0, stderr: '' })
      const proof = JSON.parse(stdout) as { hashes: string[] }
      const bad = { ...proof, hashes: proof.hashes.with(0, sha256('x').toString('base64')) }
      expect(await alone('--proof', rewritten([JSON.stringify(bad)]), '--key', trail.vkey)).toMatchObject({
        code: 1,
      })
    }
    const [inclusion] = proofs
    const other = rewritten([inclusion.stdout.replace('\\"10\\"', '\\"90\\"')])
    expect(other).not.toBe(inclusion.stdout)
    expect(await alone('--proof', other, '--key', trail.vkey)).toMatchObject({ code: 1 })
  })

  test('wrong calls are told from unsound trails', async () => {
    const { path } = await exported(trail)
    const stranger = verifierOf(await originOf(trail.db), keyFromSeed(sha256('stranger'))).vkey
    const done = await Promise.all([
      alone(path),
      alone('--key', trail.vkey),
      alone(path, '--key', 'nonsense'),
      alone(path, '--key', stranger),
      trail.cauri('audit', 'verify', '--key', 'nonsense'),
      trail.cauri('audit', 'verify', '--checkpoint', join(folder, 'absent')),
      trail.cauri('audit', 'export', path),
      trail.cauri('audit', 'prove', '999999'),
      trail.cauri('audit', 'prove'),
      trail.cauri('audit', 'verify', '--key', stranger),
    ])
    expect(done.map(({ code }) => code)).toEqual([2, 2, 2, 1, 2, 2, 2, 1, 2, 6])
  })
})

const event = (leaf: number): string => `(select event_id from audit_leaves where leaf_index = ${leaf})`

describe('a hand in the database', () => {
  type Case = readonly [how: string, statements: readonly string[], command: RegExp, verifier: RegExp]
  const cases: readonly Case[] = [
    [
      'an edit',
      [`update audit_events set detail = '{"amount": "11"}' where id = ${event(6)}`],
      /^position 6, act \d+ {2}is not what was sealed\n\n/,
      /acts 6 to 9 are not those that were sealed/,
    ],
    [
      'an edit of the time by a microsecond',
      [`update audit_events set at = at + interval '1 microsecond' where id = ${event(0)}`],
      /^position 0, act \d+ {2}is not what was sealed\n\n/,
      /acts 1 to 5 are not those that were sealed/,
    ],
    [
      'an edit that also rewrites the stored leaf',
      [
        `update audit_events set actor = 'kofi' where id = ${event(6)}`,
        `update audit_leaves set hash = sha256('new') where leaf_index = 6`,
      ],
      /position 5, checkpoint of 9 {2}what lies between is not what/,
      /acts 6 to 9 are not those that were sealed/,
    ],
    [
      'a deletion',
      [`delete from audit_events where id = ${event(3)}`],
      /^position 3, act \d+ {2}was sealed and is gone\n\n/,
      /acts 1 to 5: 1 missing/,
    ],
    [
      'a deletion with its leaf',
      [`delete from audit_events where id = ${event(3)}`, `delete from audit_leaves where leaf_index = 3`],
      /^position 3 {2}is missing: nothing after it can be computed/,
      /acts 1 to 5: 1 missing/,
    ],
    [
      'an insertion into the sealed part',
      [
        `update audit_leaves set leaf_index = leaf_index + 1000 where leaf_index >= 7`,
        `update audit_leaves set leaf_index = leaf_index - 999 where leaf_index >= 1000`,
        `insert into audit_events (actor, action, subject) values ('kofi', 'test', 'inserted')`,
        `insert into audit_leaves select 7, max(id), sha256('x') from audit_events`,
      ],
      /position 5, checkpoint of 9 {2}what lies between/,
      /acts 6 to 9 are not those that were sealed/,
    ],
    [
      'a change of order',
      [
        `create temp table swapped as select * from audit_leaves where leaf_index in (10, 11)`,
        `delete from audit_leaves where leaf_index in (10, 11)`,
        `insert into audit_leaves select 21 - leaf_index, event_id, hash from swapped`,
      ],
      /position 9, checkpoint of 12 {2}what lies between/,
      /acts 10 to 12 are not those that were sealed/,
    ],
    [
      'a checkpoint of another hand',
      [`update audit_checkpoints set note = replace(note, E'\\n9\\n', E'\\n8\\n') where size = 9`],
      /^checkpoint of 9 {2}the checkpoint is not one of this log/,
      /the signature of the checkpoint after act 9 is wrong/,
    ],
  ]
  test.each(cases)('%s is found, and where, by both', async (_, statements, command, verifier) => {
    const trail = await openTrail()
    await tamper(trail, statements)
    const { path } = await exported(trail)
    const [ours, theirs] = await Promise.all([
      trail.cauri('audit', 'verify'),
      alone(path, '--key', trail.vkey),
    ])
    expect(ours.code).toBe(6)
    expect(ours.stdout).toMatch(command)
    expect(theirs.code).toBe(1)
    expect(theirs.stderr).toMatch(verifier)
  })

  const cut = [
    `delete from audit_checkpoints where size = 12`,
    `delete from audit_events where id in (select event_id from audit_leaves where leaf_index >= 9)`,
    `delete from audit_leaves where leaf_index >= 9`,
    `delete from audit_nodes where (node_index + 1) * (1 << level) > 9`,
  ]

  test('a clean cut of the tail is found by whoever kept a checkpoint, and by nobody else', async () => {
    const trail = await openTrail()
    await tamper(trail, cut)
    const { path } = await exported(trail)
    const [blind, blindAlone, ours, theirs, proof] = await Promise.all([
      trail.cauri('audit', 'verify'),
      alone(path, '--key', trail.vkey),
      trail.cauri('audit', 'verify', '--checkpoint', trail.kept),
      alone(path, '--key', trail.vkey, '--checkpoint', trail.kept),
      trail.cauri('audit', 'prove', '--since', trail.kept),
    ])
    expect([blind, blindAlone, ours, theirs, proof].map(({ code }) => code)).toEqual([0, 0, 6, 1, 6])
    expect(ours.stdout).toMatch(
      /^position 9, checkpoint of 12 {2}the kept checkpoint covers more than the log holds/,
    )
    expect(theirs.stderr).toMatch(/covers 12 acts, and the log ends after 9: its end was cut off/)
  })

  test('a tail that was cut and grew again is not the log that was kept', async () => {
    const trail = await openTrail()
    await tamper(trail, cut)
    await acts(trail.db, 6)
    await seal({ db: trail.db, key })
    const { path } = await exported(trail)
    const [blind, ours, theirs] = await Promise.all([
      trail.cauri('audit', 'verify'),
      trail.cauri('audit', 'verify', '--checkpoint', trail.kept, '--json'),
      alone(path, '--key', trail.vkey, '--checkpoint', trail.kept),
    ])
    expect([blind.code, ours.code, theirs.code]).toEqual([0, 6, 1])
    expect(JSON.parse(ours.stdout)).toMatchObject({
      ok: false,
      size: 15,
      faults: [{ kind: 'KEPT_DIFFERS', size: 12 }],
    })
    expect(theirs.stderr).toMatch(/acts 1 to 12 are not those that the kept checkpoint has sealed/)
  })

  test('acts past the triggers, waits that were erased, hashes of the tree and a missing checkpoint are found', async () => {
    const trail = await openTrail()
    await acts(trail.db, 1)
    await tamper(trail, [
      `insert into audit_events (actor, action, subject) values ('kofi', 'test', 'unseen')`,
      `delete from audit_unsealed`,
      `update audit_nodes set hash = sha256('x') where level = 1 and node_index = 0`,
      `delete from audit_checkpoints where size = 12`,
      `insert into audit_unsealed select event_id from audit_leaves where leaf_index = 0`,
    ])
    const done = await trail.cauri('audit', 'verify', '--json')
    const { faults } = JSON.parse(done.stdout) as { faults: { kind: string }[] }
    expect(faults.map(({ kind }) => kind)).toEqual([
      'NODE_WRONG',
      'UNSIGNED_TAIL',
      'EVENT_TWICE',
      'EVENT_UNSEEN',
      'EVENT_UNSEEN',
    ])
  })
})

describe('a hand in the exported file', () => {
  let trail: Trail
  let lines: readonly string[]
  beforeAll(async () => {
    trail = await openTrail()
    lines = (await exported(trail)).lines
  })

  test('no line of it can be changed, taken out, doubled, or swapped with the next', async () => {
    expect(lines).toHaveLength(1 + 12 + 3)
    const changed = lines.flatMap((line, i) => {
      const next = lines[i + 1]
      const head = i === 0
      return [
        ...(head ? [] : [lines.with(i, line.replace(/[a-y](?=[^a-z]*$)/, 'z'))]),
        // A checkpoint less in the middle takes nothing away: the next one covers the same acts.
        ...(/"checkpoint"/.test(line) && next !== undefined ? [] : [lines.toSpliced(i, 1)]),
        lines.toSpliced(i, 0, line),
        ...(next === undefined ? [] : [lines.toSpliced(i, 2, next, line)]),
      ]
    })
    for (let i = 0; i < changed.length; i += 8)
      await Promise.all(
        changed.slice(i, i + 8).map(async (variant) => {
          expect(variant).not.toEqual(lines)
          const done = await alone(rewritten(variant), '--key', trail.vkey, '--checkpoint', trail.kept)
          expect({ variant, ...done }).toMatchObject({ code: 1, stdout: '' })
        }),
      )
  }, 180_000)

  test('an end that is cut off is found, at any line and in the middle of one', async () => {
    for (const n of [0, 1, 5, 7, 12, 15])
      expect(
        await alone(rewritten(lines.slice(0, n)), '--key', trail.vkey, '--checkpoint', trail.kept),
      ).toMatchObject({
        code: 1,
      })
    const path = rewritten(lines)
    writeFileSync(path, readFileSync(path).subarray(0, -1))
    const done = await alone(path, '--key', trail.vkey)
    expect(done).toMatchObject({ code: 1, stderr: expect.stringContaining('in the middle of a line') })
  })
})
