import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { seeded } from '../../test/harness/seed.ts'
import { until } from '../../test/harness/wait.ts'
import { openDb, sql, type Db } from '../platform/db.ts'
import { readConfig } from '../platform/config.ts'
import { sha256 } from '../platform/ids.ts'
import { openLog } from '../platform/log.ts'
import {
  auditInvariants,
  BrokenTrail,
  canonical,
  keyFromSeed,
  newestCheckpoint,
  openSealer,
  openSigningKey,
  originOf,
  proveConsistency,
  proveInclusion,
  readCheckpoint,
  readSigningKey,
  record,
  seal,
  signingKeyPath,
  verifierOf,
  verifiersOf,
  verifyConsistency,
  verifyInclusion,
  verifyTrail,
  type TrailReport,
} from './index.ts'
import { selectEvents } from './sql.ts'
import { leafHash } from './tree.ts'

const key = keyFromSeed(sha256('a key of the tests'))

type Place = { readonly db: Db; readonly url: string; readonly owner: Db }
async function openPlace(): Promise<Place> {
  const { db, url, ownerUrl } = await freshDatabase()
  const owner = openDb({ url: ownerUrl, max: 1 })
  onTestFinished(() => owner.end())
  return { db, url, owner }
}

const write = (db: Db, n: number, from = 0): Promise<void> =>
  db.tx(async (tx) => {
    for (let i = from; i < from + n; i++)
      await record(tx, { actor: 'awa', action: 'test', subject: `s-${i}`, detail: { i, amount: '10.50' } })
  })

const verified = async (db: Db): Promise<TrailReport> =>
  verifyTrail(db, { verifiers: verifiersOf(await originOf(db), key) })

async function expectSound(db: Db, size: number): Promise<void> {
  const report = await verified(db)
  expect(report).toMatchObject({ faults: [], size, waiting: 0 })
  for (const { find } of auditInvariants) expect(await find(db)).toEqual([])
}

describe('sealing', () => {
  test('what is committed is sealed under a signed root, in few rows read; nothing to do changes nothing', async () => {
    const { db } = await openPlace()
    expect(await seal({ db, key })).toBe(0)
    expect(await newestCheckpoint(db)).toBeUndefined()
    for (const n of [1, 1, 2, 3, 5, 8, 13]) {
      await write(db, n)
      expect(await seal({ db, key })).toBe(n)
    }
    expect(await seal({ db, key })).toBe(0)
    await expectSound(db, 33)
    const newest = await newestCheckpoint(db)
    expect(newest?.size).toBe(33)
    expect(readCheckpoint(newest?.note ?? '')).toMatchObject({ origin: await originOf(db), size: 33 })
  })

  test('more acts than one seal takes are sealed in several', async () => {
    const { db, owner } = await openPlace()
    await owner.run(sql`
      insert into audit_events (actor, action, subject) select 'awa', 'test', i::text from generate_series(1, 4500) as i`)
    expect(await seal({ db, key })).toBe(4_500)
    expect(await verified(db)).toMatchObject({ faults: [], size: 4_500, checkpoints: 3 })
  })

  test('an act that commits after one with a higher id is sealed all the same, after it', async () => {
    const { db } = await openPlace()
    let commit = (): void => undefined
    const gate = new Promise<void>((resolve) => (commit = resolve))
    let wrote = (): void => undefined
    const written = new Promise<void>((resolve) => (wrote = resolve))
    const slow = db.tx(async (tx) => {
      await record(tx, { actor: 'awa', action: 'test', subject: 'slow' })
      wrote()
      await gate
    })
    await written
    await db.tx((tx) => record(tx, { actor: 'awa', action: 'test', subject: 'quick' }))
    expect(await seal({ db, key })).toBe(1)
    commit()
    await slow
    expect(await seal({ db, key })).toBe(1)
    await expectSound(db, 2)
    const order = await db.many<{ subject: string; id: bigint }>(
      sql`select e.subject, e.id from audit_leaves l join audit_events e on e.id = l.event_id order by l.leaf_index`,
    )
    expect(order.map(({ subject }) => subject)).toEqual(['quick', 'slow'])
    expect(order[0]?.id).toBeGreaterThan(order[1]?.id ?? 0n)
  })

  test('while twenty write, three seal, some writers fail: one log, every act in it once', async () => {
    const { db, url } = await openPlace()
    const { random } = seeded('writers')
    const wide = openDb({ url, max: 24 })
    onTestFinished(() => wide.end())
    let writing = true
    const sealers = Array.from({ length: 3 }, async () => {
      while (writing) await seal({ db: wide, key })
    })
    let kept = 0
    const writers = Array.from({ length: 20 }, async () => {
      for (let i = 0; i < 10; i++) {
        const fails = random() < 0.2
        await wide
          .tx(async (tx) => {
            await record(tx, { actor: 'awa', action: 'test', subject: 'crowd' })
            if (random() < 0.5) await tx.run(sql`select pg_sleep(0.003)`)
            await record(tx, { actor: 'awa', action: 'test', subject: 'crowd' })
            if (fails) throw new Error('on purpose')
            kept += 2
          })
          .catch((error: unknown) => {
            if (!(error instanceof Error && error.message === 'on purpose')) throw error
          })
      }
    })
    await Promise.all(writers)
    writing = false
    await Promise.all(sealers)
    await seal({ db, key })
    expect(kept).toBeGreaterThan(0)
    await expectSound(db, kept)
  })

  test('two sealers at once make one log: who comes second leaves it to the first', async () => {
    const { db } = await openPlace()
    await write(db, 50)
    const counts = await Promise.all(Array.from({ length: 4 }, () => seal({ db, key })))
    expect(counts.reduce((sum, n) => sum + n)).toBe(50)
    await expectSound(db, 50)
  })

  test('an hour without any act is sealed too, by an act that says so', async () => {
    const { db, owner } = await openPlace()
    await write(db, 3)
    await seal({ db, key })
    await owner.tx(async (tx) => {
      await tx.run(sql`set local session_replication_role = replica`)
      await tx.run(sql`update audit_checkpoints set sealed_at = sealed_at - interval '61 minutes'`)
    })
    expect(await seal({ db, key })).toBe(1)
    expect(await seal({ db, key })).toBe(0)
    const last = await db.one(sql`select actor, action from audit_events order by id desc limit 1`)
    expect(last).toEqual({ actor: 'audit', action: 'audit.quiet' })
    await expectSound(db, 4)
  })

  test('in the background it seals what comes, and goes on after trouble', async () => {
    const { db, owner } = await openPlace()
    const sealer = openSealer({ db, key, log: openLog('silent') }, 20)
    onTestFinished(() => sealer.close())
    const sealed = async (n: number) => ((await newestCheckpoint(db))?.size ?? 0) === n
    await write(db, 2)
    await until('two are sealed', () => sealed(2))
    await owner.run(sql`alter table audit_checkpoints rename to audit_checkpoints_away`)
    await write(db, 1)
    await owner.run(sql`alter table audit_checkpoints_away rename to audit_checkpoints`)
    await until('the third is sealed', () => sealed(3), 60_000)
    await sealer.close()
    await write(db, 1)
    expect((await verified(db)).waiting).toBe(1)
  })
})

describe('what a seal is built on', () => {
  const tampered: readonly (readonly [string, string])[] = [
    [
      'a stored hash of its edge',
      `update audit_nodes set hash = sha256('x') where level = 2 and node_index = 0`,
    ],
    ['a leaf of its edge', `update audit_leaves set hash = sha256('x') where leaf_index = 4`],
    ['its newest root', `update audit_checkpoints set root = sha256('x') where size = 5`],
    ['its newest note', `update audit_checkpoints set note = replace(note, '=', 'A') where size = 5`],
    ['its name', `update audit_log set log_id = gen_random_uuid()`],
  ]
  test.each(tampered)('%s was changed: nothing is signed on top of it', async (_, statement) => {
    const { db, owner } = await openPlace()
    await write(db, 5)
    await seal({ db, key })
    await owner.tx(async (tx) => {
      await tx.run(sql`set local session_replication_role = replica`)
      expect(await tx.run({ text: statement, values: [] })).toBeGreaterThan(0)
    })
    await write(db, 1)
    await expect(seal({ db, key })).rejects.toThrow(BrokenTrail)
    expect((await newestCheckpoint(db))?.size).toBe(5)
  })

  test('another key goes on only where the former one is named', async () => {
    const { db } = await openPlace()
    await write(db, 2)
    await seal({ db, key })
    await write(db, 1)
    const next = keyFromSeed(sha256('the next key'))
    await expect(seal({ db, key: next })).rejects.toThrow('AUDIT_FORMER_KEYS')
    const origin = await originOf(db)
    const former_keys = [verifierOf(origin, key).vkey]
    expect(await seal({ db, key: next, former_keys })).toBe(1)
    expect((await verifyTrail(db, { verifiers: verifiersOf(origin, next, former_keys) })).faults).toEqual([])
    expect((await verifyTrail(db, { verifiers: verifiersOf(origin, next) })).faults).toEqual([
      { kind: 'CHECKPOINT_FORGED', size: 2 },
    ])
  })

  test('the application can neither change what is sealed nor say that it is another log', async () => {
    const { db, owner } = await openPlace()
    await write(db, 2)
    await seal({ db, key })
    for (const [table, change] of [
      ['audit_leaves', 'hash = hash'],
      ['audit_nodes', 'hash = hash'],
      ['audit_checkpoints', 'note = note'],
      ['audit_log', 'log_id = log_id'],
    ] as const) {
      for (const text of [`update ${table} set ${change}`, `delete from ${table}`, `truncate ${table}`]) {
        await expect(db.run({ text, values: [] })).rejects.toThrow(/permission denied|append-only/)
        await expect(owner.run({ text, values: [] })).rejects.toThrow('append-only')
      }
    }
  })
})

describe('proofs', () => {
  test('every act of a log proves that it is in it, and every older log that the newest extends it', async () => {
    const { db } = await openPlace()
    for (const n of [1, 2, 4, 6, 8]) {
      await write(db, n)
      await seal({ db, key })
    }
    const newest = await newestCheckpoint(db)
    if (newest === undefined) throw new Error('nothing is sealed')
    const { size, root } = newest
    const ids = await db.many<{ id: bigint }>(sql`select id from audit_events order by id`)
    for (const { id } of ids) {
      const proof = await proveInclusion(db, id)
      if (proof === undefined) throw new Error(`act ${id} has no proof`)
      const leaf_hash = leafHash(proof.event)
      expect(JSON.parse(proof.event)).toMatchObject({ v: 1, id: String(id), actor: 'awa' })
      expect(verifyInclusion({ index: proof.leaf_index, size, leaf_hash, root, hashes: proof.hashes })).toBe(
        true,
      )
      const other = leafHash(proof.event.replace('awa', 'awo'))
      expect(
        verifyInclusion({ index: proof.leaf_index, size, leaf_hash: other, root, hashes: proof.hashes }),
      ).toBe(false)
    }
    const older = await db.many<{ size: bigint; root: Buffer }>(sql`select size, root from audit_checkpoints`)
    for (const one of older) {
      const first = Number(one.size)
      const { hashes = [] } = (await proveConsistency(db, first)) ?? {}
      expect(verifyConsistency({ first, first_root: one.root, size, root, hashes })).toBe(true)
      expect(verifyConsistency({ first, first_root: sha256('x'), size, root, hashes })).toBe(false)
    }
    expect(await proveInclusion(db, 999_999n)).toBeUndefined()
    expect(await proveConsistency(db, size + 1)).toBeUndefined()
    await write(db, 1)
    const { id } = await db.one<{ id: bigint }>(sql`select max(id) as id from audit_events`)
    expect(await proveInclusion(db, id)).toBeUndefined()
  })
})

test('the canonical form is what the documentation says, to the byte, and no number is rounded', async () => {
  const { owner } = await openPlace()
  await owner.run(sql`
    insert into audit_events (id, at, actor, role, action, subject, organization_id, detail, before, address)
    overriding system value
    values (7, '2026-11-23T04:05:06.7+01', ${'Awa "la\u0001 Belle" é'}, 'ADMIN', 'test', 's', 12,
      '{"n": 9007199254740993.10, "a": "é\\n"}', '{"x": null}', '192.0.2.1')`)
  const [row] = await selectEvents(owner, [7n])
  expect(row && canonical(row)).toBe(
    '{"v":1,"id":"7","at":"2026-11-23T03:05:06.700000Z","actor":"Awa \\"la\\u0001 Belle\\" é","role":"ADMIN",' +
      '"action":"test","subject":"s","organization_id":"12","address":"192.0.2.1","user_agent":null,"request_id":null,' +
      '"detail":{"a": "é\\n", "n": 9007199254740993.10},"before":{"x": null},"after":null}',
  )
})

describe('the key', () => {
  const home = mkdtempSync(join(tmpdir(), 'cauri-key-'))
  const config = readConfig({ CAURI_HOME: home })

  test('the sandbox makes its own once, for its user only; a spoilt one is not replaced', () => {
    onTestFinished(() => rmSync(home, { recursive: true }))
    expect(readSigningKey(config)).toBeUndefined()
    const made = verifierOf('x', openSigningKey(config)).vkey
    expect(verifierOf('x', openSigningKey(config)).vkey).toBe(made)
    expect(statSync(signingKeyPath(config)).mode & 0o777).toBe(0o600)
    expect(Buffer.from(readFileSync(signingKeyPath(config), 'utf8'), 'base64')).toHaveLength(32)
    writeFileSync(signingKeyPath(config), 'spoilt')
    expect(() => openSigningKey(config)).toThrow('does not hold a key')
  })

  test('in production it is AUDIT_SIGNING_KEY, else made from SECRET_KEY; every process has the same', () => {
    const production = {
      CAURI_MODE: 'production',
      PUBLIC_URL: 'https://pay.example',
      DATABASE_URL: 'postgres://db.example/cauri',
      SECRET_KEY: 's'.repeat(32),
      FIELD_ENCRYPTION_KEY: 'f'.repeat(32),
    }
    const vkeyOf = (env: Readonly<Record<string, string>>): string => {
      const found = readSigningKey(readConfig({ ...production, ...env }))
      return found === undefined ? '' : verifierOf('x', found).vkey
    }
    const given = sha256('given').toString('base64')
    expect(vkeyOf({})).toBe(vkeyOf({ CAURI_HOME: '/nowhere' }))
    expect(vkeyOf({ SECRET_KEY: 't'.repeat(32) })).not.toBe(vkeyOf({}))
    expect(vkeyOf({ AUDIT_SIGNING_KEY: given })).toBe(verifierOf('x', keyFromSeed(sha256('given'))).vkey)
    expect(() => readConfig({ AUDIT_SIGNING_KEY: 'short' })).toThrow('AUDIT_SIGNING_KEY')
  })
})
