import { verify } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  isSignedBy,
  openSigningKey,
  originOf,
  readCheckpoint,
  record,
  verifiersOf,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/index.ts'
import { leafHash } from '../../src/audit/tree.ts'
import { sql } from '../../src/platform/db.ts'
import { BEHIND_PROXY, demoPerson, elsewhere } from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
let admin: Headers
const SECRET = 'an audit secret that nobody may read'
beforeAll(async () => {
  const env = { ...BEHIND_PROXY, SECRET_KEY: SECRET, SMTP_URL: 'smtps://u:hidden-word@mail.example' }
  server = await openServer({ env })
  admin = await demoPerson(server, 'ADMIN')
})
afterAll(() => server.stop())

type Headers = Readonly<Record<string, string>>
type Act = { readonly id: number; readonly action: string; readonly sealed: boolean }
const LOGS = '/api/core/audit-logs'
const get = (path: string, headers: Headers = {}): Promise<Answer> =>
  server.call('GET', path, undefined, { ...elsewhere(), ...admin, ...headers })
const idsOf = ({ body }: Answer): readonly number[] => body.results.map(({ id }: Act) => id)

test('the trail is read newest first, page by page, and filtered by all that it keeps', async () => {
  const { db } = server
  const organization_id = 1n
  for (let i = 0; i < 5; i++)
    await db.tx((tx) =>
      record(tx, {
        actor: 'person:77',
        action: i < 3 ? 'test.made' : 'test.ended',
        subject: `thing:${i % 2}`,
        ...(i === 4 ? { organization_id } : {}),
        request_id: `req-of-${i}-test`,
        before: { state: 'A', password: 'hunter2' },
        after: { state: 'B' },
      }),
    )
  const all = await get(`${LOGS}/?actor=person:77`)
  const ids = idsOf(all)
  expect(ids).toHaveLength(5)
  expect(ids).toEqual(ids.toSorted((a, b) => b - a))
  expect(all.body.results[0]).toMatchObject({
    actor: 'person:77',
    action: 'test.ended',
    subject: 'thing:0',
    organization_id: 1,
    request_id: 'req-of-4-test',
    before: { state: 'A', password: '[redacted]' },
    after: { state: 'B' },
  })
  const walked: number[] = []
  let next: string | undefined = `${LOGS}?actor=person:77&limit=2`
  for (let pages = 0; next !== undefined && pages < 5; pages++) {
    const page: Answer = await get(next)
    walked.push(...idsOf(page))
    next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]
  }
  expect(walked).toEqual(ids)
  const found = async (query: string) => idsOf(await get(`${LOGS}?actor=person:77&${query}`)).length
  expect(await found('action=test.made')).toBe(3)
  expect(await found('subject=thing:1')).toBe(2)
  expect(await found('organization=1')).toBe(1)
  expect(await found('request_id=req-of-2-test')).toBe(1)
  const [moment, later] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)]
  expect(await found(`from=${moment.toISOString()}&to=${later.toISOString()}`)).toBe(5)
  expect(await found(`to=${moment.toISOString()}`)).toBe(0)
  expect(
    await found(`from=${moment.toISOString().slice(0, 10)}&to=${later.toISOString().slice(0, 10)}`),
  ).toBe(5)
  for (const query of ['from=yesterday', 'organization=x', 'limit=1001', 'cursor=-1', 'format=xml'])
    expect([query, (await get(`${LOGS}?${query}`)).status]).toEqual([query, 400])
  for (const role of ['BUYER', 'ARBITRE'] as const)
    expect((await get(LOGS, await demoPerson(server, role))).body.code).toBe('NOT_ALLOWED')
})

test('the export is a harmless CSV of all that fits, and is itself in the trail once', async () => {
  await server.db.tx((tx) =>
    record(tx, { actor: 'person:78', action: 'test.nasty', subject: '=cmd|/c calc', user_agent: '@SUM(A1)' }),
  )
  await server.db.run(sql`
    insert into audit_events (actor, action, subject) select 'person:78', 'test.many', 'n:' || n from generate_series(1, 2500) n`)
  const file = await get(`${LOGS}?actor=person:78&format=csv`)
  expect(file.status).toBe(200)
  expect(file.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(file.headers.get('content-disposition')).toContain('audit-logs.csv')
  const rows: readonly Record<string, string>[] = parse(file.text, { columns: true, bom: true })
  expect(rows).toHaveLength(2_501)
  expect(new Set(rows.map(({ id }) => id)).size).toBe(2_501)
  expect(rows.at(-1)).toMatchObject({ subject: "'=cmd|/c calc", user_agent: "'@SUM(A1)" })
  const accepted = await get(`${LOGS}?action=test.nasty`, { accept: 'text/csv, application/json;q=0.5' })
  expect(accepted.text.split('\r\n')).toHaveLength(3)
  expect((await get(`${LOGS}?limit=1`, { accept: '*/*' })).headers.get('content-type')).toContain('json')
  const { body } = await get(`${LOGS}?action=audit.exported`)
  expect(body.results.map(({ detail }: { detail: unknown }) => detail)).toEqual([
    { filters: { action: 'test.nasty' } },
    { filters: { actor: 'person:78' } },
  ])
  expect(body.results[0]).toMatchObject({ actor: expect.stringMatching(/^person:\d+$/), role: 'ADMIN' })
})

test('the checkpoint is signed, and its proofs hold: this act is in it, and it extends the one before', async () => {
  const verifiers = verifiersOf(await originOf(server.db), openSigningKey(server.config))
  const sealed = async () => {
    const { body } = await get(`${LOGS}?limit=1`)
    const [act] = body.results as readonly Act[]
    return act?.sealed === true && act
  }
  const older = await until('all is sealed', sealed).then(() => get('/api/audit/checkpoint'))
  expect(older.status).toBe(200)
  await server.db.tx((tx) => record(tx, { actor: 'person:79', action: 'test.last', subject: 'x' }))
  const act = await until('the act is sealed', sealed)
  expect(act.action).toBe('test.last')
  const { body: newer } = await get('/api/audit/checkpoint')
  const note = readCheckpoint(newer.checkpoint)
  if (note === undefined) throw new Error('no checkpoint')
  expect(isSignedBy(note, verifiers)).toBe(true)
  expect([note.size, note.root.toString('base64')]).toEqual([newer.size, newer.root])
  const signature = note.signatures[0]?.signature ?? Buffer.alloc(0)
  expect(verify(null, Buffer.from(note.text), verifiers[0]?.key ?? '', signature)).toBe(true)

  const { body: proof } = await get(`/api/audit/proof/inclusion/${act.id}`)
  const buffers = (hashes: readonly string[]) => hashes.map((hash) => Buffer.from(hash, 'base64'))
  const against = readCheckpoint(proof.checkpoint)
  if (against === undefined) throw new Error('no checkpoint')
  const { leaf_index: index, size } = proof
  const inclusion = { index, size, root: against.root, hashes: buffers(proof.hashes) }
  const isIncluded = (event: string) => verifyInclusion({ ...inclusion, leaf_hash: leafHash(event) })
  expect(isIncluded(proof.event)).toBe(true)
  expect(isIncluded(proof.event.replace('test.last', 'test.lost'))).toBe(false)

  const { body: grown } = await get(`/api/audit/proof/consistency?from=${older.body.size}&to=${newer.size}`)
  expect(grown).toMatchObject({ kind: 'consistency', first: older.body.size, size: newer.size })
  const growth = { first: grown.first, size: grown.size, root: note.root, hashes: buffers(grown.hashes) }
  const isGrown = (first_root: Buffer) => verifyConsistency({ ...growth, first_root })
  expect(isGrown(Buffer.from(older.body.root, 'base64'))).toBe(true)
  expect(isGrown(Buffer.alloc(32))).toBe(false)
  expect((await get('/api/audit/proof/inclusion/999999999')).body.code).toBe('AUDIT_EVENT_NOT_FOUND')
  for (const query of [`from=${newer.size + 9_000}`, `from=1&to=${newer.size + 9_000}`])
    expect((await get(`/api/audit/proof/consistency?${query}`)).body.code).toBe('CHECKPOINT_NOT_FOUND')
})

test('settings are read without secrets: what is not known to be harmless is only set or not', async () => {
  const { body, text } = await get('/api/core/settings/')
  const by_name = new Map<string, object>(body.settings.map((one: { name: string }) => [one.name, one]))
  expect(by_name.get('SECRET_KEY')).toMatchObject({ is_set: true, is_hidden: true, value: null })
  expect(by_name.get('SMTP_URL')).toMatchObject({ is_set: true, is_hidden: true, value: null })
  expect(by_name.get('FIELD_ENCRYPTION_KEY')).toMatchObject({ is_set: false, is_hidden: true })
  expect(by_name.get('CAURI_MODE')).toMatchObject({ value: 'sandbox', is_hidden: false })
  expect(by_name.get('MOJALOOP_FEE_CAP')).toMatchObject({ value: '0' })
  expect(by_name.get('MOJALOOP_RETRY_DELAYS_S')).toMatchObject({ value: [0.1, 0.1] })
  for (const secret of [SECRET, 'hidden-word', 'postgres://']) expect(text).not.toContain(secret)
  expect((await get('/api/core/settings', await demoPerson(server, 'SELLER'))).status).toBe(403)
})
