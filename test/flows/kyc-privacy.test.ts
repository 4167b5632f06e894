import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keepDocuments, KYC_RULES } from '../../src/kyc/index.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { openFolderStore } from '../../src/platform/files.ts'
import {
  newcomer,
  photo,
  QUICK_CHECKS,
  sendAll,
  sendDocument,
  statusOf,
  untilStatus,
} from '../harness/kyc.ts'
import { BEHIND_PROXY, bearer, demoPerson, elsewhere, PASSWORD, registerPerson } from '../harness/people.ts'
import { spawnNode } from '../harness/process.ts'
import { openServer, SECRET_KEY, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

const FIRST = 'the first key of the tests and long enough'
const SECOND = 'the second key of the tests and as long as it'
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const lines: string[] = []
let server: TestServer
beforeAll(async () => {
  // Both keys open; the first of the list seals.
  const env = { ...BEHIND_PROXY, ...QUICK_CHECKS, FIELD_ENCRYPTION_KEY: `1:${FIRST},2:${SECOND}` }
  server = await openServer({ env, log: (line) => void lines.push(line) })
})
afterAll(() => server.stop())

const post = (path: string, body: object, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  server.call('POST', path, body, headers)
const files = (): Promise<string[]> => readdir(join(server.config.home, 'files/kyc')).catch(() => [])

test('no name, number, document number or place of a document comes into the log', async () => {
  const one = await registerPerson(server, {
    phone_number: '+237671239876',
    first_name: 'Canarix',
    last_name: 'Zephyrine',
    email: 'canarix@example.com',
  })
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  const sent = await sendDocument(server, one.access, 'SIGNATURE', { filename: 'canari-plante.jpg' })
  await server.call('GET', sent.body.content, undefined, bearer(one.access))
  await sendDocument(server, one.access, 'SIGNATURE', { file: Buffer.from('<svg>canari-dedans</svg>') })
  const { jobs } = await server.world.control('GET', '/_sim/smile-id')
  const job = (jobs as { first_name: string; job_id: string; steps: { outcome: { born: string } }[] }[]).find(
    ({ first_name }) => first_name === 'Canarix',
  )
  expect(job).toBeDefined()
  const admin = await demoPerson(server, 'ADMIN')
  await server.db.run(sql`
    insert into kyc_cases (person_id, review_since) values (${one.id}, cauri_now())
    on conflict (person_id) do update set review_since = cauri_now()`)
  const review = await server.call('GET', '/api/auth/admin/kyc', undefined, admin)
  const { found } = review.body.files[0]
  expect(found.id_number).toMatch(/\d/)
  const planted = [
    '671239876',
    'Canarix',
    'Zephyrine',
    'canarix@',
    'canari-plante',
    'canari-dedans',
    found.id_number,
    FIRST,
    SECOND,
  ]
  await server.db.run(sql`update kyc_cases set review_since = null where person_id = ${one.id}`)
  const logged = lines.join('')
  expect(logged).toContain('an identity check was looked at')
  for (const word of planted) expect([word, logged.includes(word)]).toEqual([word, false])
  const trail = await server.db.one<{ text: string }>(
    sql`select string_agg(e::text, ' ') as text from audit_events e`,
  )
  for (const word of planted) expect([word, trail.text.includes(word)]).toEqual([word, false])
  const raw = await server.db.one<{ text: string }>(sql`
    select string_agg(c::text, ' ') as text from kyc_checks c where person_id = ${one.id}`)
  expect(raw.text.includes(String(found.id_number))).toBe(false)
})

test('a person gets a copy of his data, without secrets; another’s is not in it', async () => {
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  const said = await server.call('GET', '/api/auth/export/', undefined, bearer(one.access))
  expect(said.status).toBe(200)
  expect(said.body).toMatchObject({
    person: { id: Number(one.id), phone_number: one.phone, first_name: 'Amina Fatou' },
    sessions: [{}],
    identity_check: {
      kyc_status: 'VERIFIED',
      consents: [{ language: 'fr' }],
      documents: [{ document_type: 'ID_FRONT' }, { document_type: 'ID_BACK' }, { document_type: 'SELFIE' }],
      checks: [{ state: 'DECIDED', outcome: 'CLEAR' }],
      decisions: [
        { by: 'you', event: 'COMPLETE' },
        { by: 'provider', event: 'CLEAR' },
      ],
    },
  })
  for (const secret of ['argon2', 'wrapped_key', 'phc', 'sealed', 'hash', '"roles_'])
    expect([secret, said.text.includes(secret)]).toEqual([secret, false])
  expect((await server.call('GET', '/api/auth/export/')).status).toBe(401)
})

test('erasing takes keys and files with it, and what named the person; a hold and the law forbid it', async () => {
  const admin = await demoPerson(server, 'ADMIN')
  const one = await newcomer(server, 'Forget', 'Memory')
  const me = bearer(one.access)
  const sent = await sendDocument(server, one.access, 'ID_FRONT')
  // An organisation has asked him to join: by his number, and by his mailbox.
  await server.db.run(sql`update identity_people set email = 'Memory@example.org' where id = ${one.id}`)
  await server.db.run(sql`
    insert into identity_invitations (id, organization_id, phone_number, email, roles, language, token_hash, invited_by,
      invited_person_id, expires_at)
    select 'inv-0000000000000000000000000' || n, min(o.id), case n when 1 then ${one.phone} end,
      case n when 2 then 'memory@Example.org' end, array['SUPERVISEUR'], 'fr', sha256(n::text::bytea), 'test', ${one.id},
      cauri_now() + interval '7 days'
    from identity_organizations o, generate_series(1, 2) n group by n`)
  const asked = await post('/api/auth/erasure/', {}, me)
  expect([asked.status, asked.body.state]).toEqual([202, 'REQUESTED'])
  expect((await post('/api/auth/erasure/', {}, me)).body.code).toBe('ERASURE_REQUESTED_ALREADY')
  const decide = (action: string, by = admin, more: object = {}): Promise<Answer> =>
    post(`/api/auth/admin/erasures/${asked.body.id}/decide`, { action, ...more }, by)
  expect((await decide('approve', me)).status).toBe(403)
  const hold = `/api/auth/admin/kyc/${one.id}/hold`
  expect((await post(hold, {}, admin)).status).toBe(400)
  expect((await post(hold, { reason: 'réquisition 12/2026' }, admin)).status).toBe(201)
  expect((await post(hold, { reason: 'encore' }, admin)).body.code).toBe('LEGAL_HOLD_STANDS')
  const held = await decide('approve')
  expect([held.status, held.body.code, held.body.reason]).toEqual([409, 'LEGAL_HOLD', 'réquisition 12/2026'])
  expect((await post(`${hold}/release`, { reason: 'levée' }, admin)).status).toBe(200)
  expect((await post(`${hold}/release`, { reason: 'levée' }, admin)).body.code).toBe('LEGAL_HOLD_NOT_FOUND')
  expect(await files()).toContain(sent.body.id)
  const done = await decide('approve')
  expect([done.status, done.body.state]).toEqual([200, 'DONE'])
  expect((await decide('approve')).body.state).toBe('DONE')
  expect(await files()).not.toContain(sent.body.id)
  const row = await server.db.one(sql`
    select wrapped_key, key_version, file_name, erased_at is not null as erased, file_removed_at is not null as removed
    from kyc_documents where id = ${String(sent.body.id)}`)
  expect(row).toEqual({ wrapped_key: null, key_version: null, file_name: null, erased: true, removed: true })
  expect((await server.call('GET', '/api/auth/profile', undefined, me)).status).toBe(401)
  const back = { phone_number: one.phone, password: PASSWORD }
  expect((await post('/api/auth/login', back, elsewhere())).status).toBe(401)
  for (const table of [
    'identity_people',
    'identity_sessions',
    'identity_codes',
    'identity_invitations',
    'kyc_documents',
    'audit_events',
  ]) {
    const { text } = await server.db.one<{ text: string | null }>({
      text: `select string_agg(t::text, ' ') as text from ${table} t`,
      values: [],
    })
    for (const word of [one.phone.slice(1), 'memory'])
      expect([table, word, (text ?? '').toLowerCase().includes(word)]).toEqual([table, word, false])
  }
  await until('messages are forgotten', async () => {
    const { n } = await server.db.one<{ n: bigint }>(sql`
      select count(*) as n from notifications_messages where person_id = ${one.id}`)
    return n === 0n
  })
  // The number may be registered anew, by somebody who is another person.
  expect((await registerPerson(server, { phone_number: one.phone })).id).not.toBe(one.id)
  const events = await server.db.one<{ n: bigint }>(sql`
    select count(*) as n from audit_events where subject = ${`person:${one.id}`}`)
  expect(events.n).toBeGreaterThan(4n)
})

test('a verified person is kept for ten years after the last operation, and then may go', async () => {
  const admin = await demoPerson(server, 'ADMIN')
  const one = await newcomer(server, 'Amina Fatou', 'Clearwater')
  await sendAll(server, one.access)
  await untilStatus(server, one.access, 'VERIFIED')
  const asked = await post('/api/auth/erasure/', {}, bearer(one.access))
  const decide = (): Promise<Answer> =>
    post(`/api/auth/admin/erasures/${asked.body.id}/decide`, { action: 'approve' }, admin)
  const kept = await decide()
  expect([kept.status, kept.body.code, kept.body.until]).toEqual([
    409,
    'RETENTION_REQUIRED',
    expect.stringMatching(/^2036-/),
  ])
  const rejected = await newcomer(server, 'Ade Ogundimu', 'Forgeman')
  await sendAll(server, rejected.access)
  await untilStatus(server, rejected.access, 'REJECTED')
  const held = await newcomer(server, 'Hold', 'Me')
  await sendDocument(server, held.access, 'SELFIE')
  await post(`/api/auth/admin/kyc/${held.id}/hold`, { reason: 'enquête' }, admin)
  const store = openFolderStore(join(server.config.home, 'files'))
  const sweep = (): Promise<object> => keepDocuments(server.db, { files: store, rules: KYC_RULES })
  const left = async (id: bigint): Promise<number> =>
    Number(
      (
        await server.db.one<{ n: bigint }>(sql`
          select count(*) as n from kyc_documents where person_id = ${id} and erased_at is null`)
      ).n,
    )
  expect(await sweep()).toMatchObject({ erased: 0 })
  // A file whose upload died before its row, a day old; and one of a moment ago.
  await store.put('kyc/doc-orphan-old', Buffer.from('x'))
  await store.put('kyc/doc-orphan-new', Buffer.from('x'))
  const day_ago = Date.now() / 1_000 - 90_000
  await utimes(join(server.config.home, 'files/kyc/doc-orphan-old'), day_ago, day_ago)
  await advanceClock(server.db, 366 * 86_400)
  expect(await sweep()).toMatchObject({ erased: expect.any(Number), orphans: 1 })
  expect(await files()).toContain('doc-orphan-new')
  expect([await left(one.id), await left(rejected.id), await left(held.id)]).toEqual([3, 0, 1])
  await advanceClock(server.db, 9 * 366 * 86_400)
  await sweep()
  expect([await left(one.id), await left(held.id)]).toEqual([0, 1])
})

test(
  'keys are wrapped anew while documents are read: none is unreadable, and the old key may go',
  { timeout: 60_000 },
  async () => {
    const one = await newcomer(server)
    const contents: string[] = []
    for (let i = 0; i < 3; i++) {
      const { body } = await sendDocument(server, one.access, 'PROOF_OF_ADDRESS', { file: await photo(i) })
      contents.push(String(body.content))
    }
    const before = await server.db.many<{ key_version: string }>(sql`
    select distinct key_version from kyc_documents where wrapped_key is not null`)
    expect(before).toEqual([{ key_version: '1' }])
    const folder = await mkdtemp(join(tmpdir(), 'cauri-rotate-'))
    const rotate = (): Promise<{ code: number | null }> =>
      spawnNode(MAIN, {
        args: ['keys', 'rotate', '--json', '--by', 'Awa'],
        cwd: folder,
        env: {
          LANG: 'C',
          CAURI_HOME: folder,
          DATABASE_URL: server.database.url,
          SECRET_KEY,
          FIELD_ENCRYPTION_KEY: `2:${SECOND},1:${FIRST}`,
        },
      }).exited
    let over = false
    const reading = (async (): Promise<number> => {
      let reads = 0
      while (!over) {
        for (const content of contents) {
          const said = await server.call('GET', content, undefined, bearer(one.access))
          expect(said.status).toBe(200)
          reads++
        }
      }
      return reads
    })()
    const { code } = await rotate().finally(() => (over = true))
    expect(code).toBe(0)
    expect(await reading).toBeGreaterThan(3)
    const after = await server.db.many<{ key_version: string }>(sql`
    select distinct key_version from kyc_documents where wrapped_key is not null
    union select distinct found_key_version from kyc_checks where found_wrapped_key is not null`)
    expect(after).toEqual([{ key_version: '2' }])
    for (const content of contents)
      expect((await server.call('GET', content, undefined, bearer(one.access))).status).toBe(200)
    expect((await statusOf(server, one.access)).status).toBe(200)
    await rm(folder, { recursive: true })
  },
)
