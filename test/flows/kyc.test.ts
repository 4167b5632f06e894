import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { hostileCorpus, pdfOf } from '../harness/hostile.ts'
import { consent, newcomer, photo, sendDocument, statusOf, stored } from '../harness/kyc.ts'
import { multipart } from '../harness/multipart.ts'
import { BEHIND_PROXY, bearer, demoPerson, type Registered } from '../harness/people.ts'
import { answerOf, openServer, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  // Nobody checks identities here: people decide.
  server = await openServer({ env: { ...BEHIND_PROXY, CAURI_SANDBOX_TRUST: 'off' }, worker: false })
})
afterAll(() => server.stop())

const get = (path: string, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  server.call('GET', path, undefined, headers)
const approve = (id: bigint, by: Readonly<Record<string, string>>, body: object): Promise<Answer> =>
  server.call('POST', `/api/auth/admin/kyc/${id}/approve/`, body, by)

/** A photo as a telephone makes it: lying on its side, with the place where it was taken. */
const fromPhone = async (): Promise<Buffer> =>
  sharp({
    create: {
      width: 1_600,
      height: 1_000,
      channels: 3,
      background: '#888888',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .withMetadata({ orientation: 6 })
    .withExifMerge({
      IFD3: { GPSLatitude: '3/1 52/1 0/1', GPSLatitudeRef: 'N' },
      IFD0: { Model: 'Tecno Spark' },
    })
    .jpeg()
    .toBuffer()

test('the known sequence works as it is written: upload, then status, then an administrator approves', async () => {
  const one = await newcomer(server)
  const original = await fromPhone()
  expect(original.includes('Tecno Spark')).toBe(true)
  const sent = await sendDocument(server, one.access, 'ID_FRONT', {
    file: original,
    filename: 'id_front.jpg',
  })
  expect(sent.status).toBe(201)
  expect(sent.body).toMatchObject({
    document_type: 'ID_FRONT',
    id_type: 'NATIONAL_ID',
    country: 'CM',
    media_type: 'image/jpeg',
    file_name: 'id_front.jpg',
    width: 1_000,
    height: 1_600,
    warnings: [],
  })
  const status = await statusOf(server, one.access)
  expect(status.body).toMatchObject({
    kyc_status: 'PENDING',
    required_documents: ['ID_FRONT', 'ID_BACK', 'SELFIE'],
    uploaded_documents: ['ID_FRONT'],
    missing_documents: ['ID_BACK', 'SELFIE'],
    consent: { granted_at: null },
    documents: [{ id: sent.body.id }],
  })
  const content = await fetch(`${server.base}${sent.body.content}`, { headers: bearer(one.access) })
  const bytes = Buffer.from(await content.arrayBuffer())
  const kept = await sharp(bytes).metadata()
  expect([kept.format, kept.exif, kept.orientation, kept.width]).toEqual([
    'jpeg',
    undefined,
    undefined,
    1_000,
  ])
  expect(bytes.includes('Tecno')).toBe(false)
  expect(Object.fromEntries(content.headers)).toMatchObject({
    'content-type': 'image/jpeg',
    'content-disposition': `attachment; filename="ID_FRONT-${sent.body.id}.jpg"`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  const admin = await demoPerson(server, 'ADMIN')
  const approved = await approve(one.id, admin, { action: 'approve' })
  expect([approved.status, approved.body.kyc_status]).toEqual([200, 'VERIFIED'])
  expect((await approve(1n, admin, { action: 'approve' })).status).toBe(200)
  expect((await statusOf(server, one.access)).body).toMatchObject({
    kyc_status: 'VERIFIED',
    next_step: 'NOTHING',
  })
})

test(
  'what is hostile is refused with a problem document, and nothing of it is kept',
  { timeout: 60_000 },
  async () => {
    const one = await newcomer(server)
    const before = await stored(server)
    const said: unknown[] = []
    const corpus = await hostileCorpus()
    for (const { name, bytes } of corpus) {
      const answer = await sendDocument(server, one.access, 'ID_FRONT', {
        file: bytes,
        filename: `${name}.jpg`,
      })
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      said.push([name, answer.body.code])
    }
    expect(said).toEqual(corpus.map(({ name, code }) => [name, code]))
    const large = await sendDocument(server, one.access, 'SELFIE', { file: Buffer.alloc(10.1 * 1_048_576) })
    expect([large.status, large.body.code]).toEqual([413, 'DOCUMENT_TOO_LARGE'])
    for (const [type, more, code] of [
      [undefined, {}, 'VALIDATION_FAILED'],
      ['PASSPORT_PAGE', {}, 'VALIDATION_FAILED'],
      ['ID_FRONT', { fields: { id_type: 'LIBRARY_CARD' } }, 'VALIDATION_FAILED'],
      ['ID_FRONT', { fields: { country: 'Cameroun' } }, 'VALIDATION_FAILED'],
      ['ID_FRONT', { fields: { kyc_status: 'VERIFIED' } }, 'VALIDATION_FAILED'],
    ] as const) {
      const answer = await sendDocument(server, one.access, type, more)
      expect([type, answer.body.code]).toEqual([type, code])
    }
    const form = multipart([{ name: 'document_type', value: 'SELFIE' }])
    const init = { method: 'POST', headers: { ...form.headers, ...bearer(one.access) }, body: form.body }
    expect((await answerOf(await fetch(`${server.base}/api/auth/kyc/upload`, init))).body.code).toBe(
      'DOCUMENT_MISSING',
    )
    expect(await stored(server)).toEqual(before)
  },
)

test('an upload that is cut leaves nothing, and what waits on disk cannot be read', async () => {
  const one = await newcomer(server)
  const before = await stored(server)
  const file = Buffer.concat([await photo(), Buffer.from('PLANTED-IN-THE-FILE'.repeat(5_000))])
  const form = multipart([
    { name: 'document_type', value: 'SELFIE' },
    { name: 'file', value: file, filename: 'a.jpg', type: 'image/jpeg' },
  ])
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  const head = [
    'POST /api/auth/kyc/upload HTTP/1.1',
    'host: localhost',
    `authorization: ${bearer(one.access)['authorization']}`,
    `content-type: ${form.headers['content-type']}`,
    `content-length: ${form.body.length}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(form.body.subarray(0, form.body.length - 5_000))
  await until(
    'the upload waits',
    async () => ((await stored(server)) as { waiting: string[] }).waiting.length > 0,
  )
  socket.destroy()
  await until(
    'nothing waits',
    async () => ((await stored(server)) as { waiting: string[] }).waiting.length === 0,
  )
  expect(await stored(server)).toEqual(before)
})

test('a name is only shown, cleaned; a PDF is kept as it is, for people', async () => {
  const one = await newcomer(server)
  const named = await sendDocument(server, one.access, 'SIGNATURE', {
    filename: '../../etc/pass\u202ewd.jpg',
  })
  expect([named.status, named.body.file_name]).toEqual([201, 'passwd.jpg'])
  const dots = await sendDocument(server, one.access, 'SIGNATURE', { filename: '..' })
  expect([dots.status, dots.body.file_name]).toEqual([201, null])
  const pdf = pdfOf('1 0 obj << /Type /Catalog >> endobj')
  const sent = await sendDocument(server, one.access, 'ID_FRONT', { file: pdf, filename: 'carte.pdf' })
  expect(sent.body.warnings).toMatchObject([{ code: 'PDF_FOR_PEOPLE' }])
  const content = await fetch(`${server.base}${sent.body.content}`, { headers: bearer(one.access) })
  expect(content.headers.get('content-disposition')).toMatch(/^attachment; .*\.pdf"$/)
  expect(Buffer.from(await content.arrayBuffer())).toEqual(pdf)
})

test('a document is seen by its owner and by administrators; the trail keeps each look', async () => {
  const [owner, other] = [await newcomer(server), await newcomer(server)]
  const { body } = await sendDocument(server, owner.access, 'PROOF_OF_ADDRESS')
  const looks = (): Promise<{ actor: string; why: string | null }[]> =>
    server.db.many(sql`
      select actor, detail->>'why' as why from audit_events
      where action = 'kyc.document.read' and detail->>'document_id' = ${String(body.id)} order by id`)
  const stranger = await get(body.content, bearer(other.access))
  expect([stranger.status, stranger.body.code]).toEqual([404, 'DOCUMENT_NOT_FOUND'])
  expect((await get(body.content, {})).status).toBe(401)
  expect(await looks()).toEqual([])
  expect((await get(body.content, bearer(owner.access))).status).toBe(200)
  const admin = await demoPerson(server, 'ADMIN')
  expect((await get(`${body.content}?why=plainte`, admin)).status).toBe(200)
  expect(await looks()).toEqual([
    { actor: `person:${owner.id}`, why: null },
    { actor: 'person:4', why: 'plainte' },
  ])
})

test('nothing in the store or the database can be read without its key, or in another’s place', async () => {
  const [a, b] = [await newcomer(server), await newcomer(server)]
  const [one, two] = [
    await sendDocument(server, a.access, 'SELFIE', { file: await photo(1) }),
    await sendDocument(server, b.access, 'SELFIE', { file: await photo(2) }),
  ]
  const clear = Buffer.from(
    await (await fetch(`${server.base}${one.body.content}`, { headers: bearer(a.access) })).arrayBuffer(),
  )
  const fileOf = (id: string): string => `${server.config.home}/files/kyc/${id}`
  const sealed = await readFile(fileOf(one.body.id))
  expect(sealed.includes(clear.subarray(0, 16))).toBe(false)
  expect(sealed.includes(Buffer.from('ffd8ff', 'hex'))).toBe(false)
  const open = async (): Promise<number> => (await get(one.body.content, bearer(a.access))).status
  // Ciphertext of another row; then its key too; then both back and one bit changed.
  await writeFile(fileOf(one.body.id), await readFile(fileOf(two.body.id)))
  expect(await open()).toBe(500)
  const keys = sql`
    update kyc_documents d set wrapped_key = o.wrapped_key from kyc_documents o
    where o.person_id = ${b.id} and d.person_id = ${a.id} returning d.id`
  const { wrapped_key } = await server.db.one<{ wrapped_key: Buffer }>(sql`
    select wrapped_key from kyc_documents where person_id = ${a.id}`)
  await server.db.run(keys)
  expect(await open()).toBe(500)
  await server.db.run(sql`update kyc_documents set wrapped_key = ${wrapped_key} where person_id = ${a.id}`)
  await writeFile(fileOf(one.body.id), sealed)
  expect(await open()).toBe(200)
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
  await writeFile(fileOf(one.body.id), sealed)
  expect(await open()).toBe(500)
})

test('consent has a version and a text of its own; nothing goes on without it', async () => {
  const one = await newcomer(server)
  const text = await get('/api/auth/kyc/consent?language=en', bearer(one.access))
  expect(text.body).toMatchObject({ language: 'en', granted_at: null })
  for (const type of ['ID_FRONT', 'ID_BACK', 'SELFIE']) await sendDocument(server, one.access, type)
  expect((await statusOf(server, one.access)).body).toMatchObject({
    kyc_status: 'PENDING',
    next_step: 'CONSENT',
  })
  const old = { version: '2020-01-01', language: 'fr' }
  const said = await server.call('POST', '/api/auth/kyc/consent', old, bearer(one.access))
  expect([said.status, said.body.code]).toEqual([409, 'KYC_CONSENT_OUTDATED'])
  expect((await consent(server, one.access)).status).toBe(201)
  // The provider is asked only in the sandbox with a worker; the row of the intent is what counts.
  expect((await statusOf(server, one.access)).body).toMatchObject({
    kyc_status: 'SUBMITTED',
    next_step: 'WAIT',
  })
  const busy = await sendDocument(server, one.access, 'SELFIE')
  expect([busy.status, busy.body.code]).toEqual([409, 'KYC_IN_PROGRESS'])
  expect((await sendDocument(server, one.access, 'PROOF_OF_ADDRESS')).status).toBe(201)
  const { n } = await server.db.one<{ n: bigint }>(sql`
    select count(*) as n from kyc_checks where person_id = ${one.id} and state = 'PREPARED'`)
  expect(n).toBe(1n)
})

test('a passport needs no back; a file with a PDF goes to people, page by page, and only administrators see it', async () => {
  const people: Registered[] = []
  for (let i = 0; i < 3; i++) {
    const one = await newcomer(server)
    people.push(one)
    await consent(server, one.access)
    const fields = { id_type: 'PASSPORT', country: 'SN' }
    await sendDocument(server, one.access, 'ID_FRONT', { file: pdfOf(''), fields })
    await sendDocument(server, one.access, 'SELFIE')
    expect((await statusOf(server, one.access)).body).toMatchObject({
      kyc_status: 'UNDER_REVIEW',
      required_documents: ['ID_FRONT', 'SELFIE'],
    })
  }
  const admin = await demoPerson(server, 'ADMIN')
  const seen: number[] = []
  let cursor = ''
  for (;;) {
    const page = await get(`/api/auth/admin/kyc?limit=2${cursor}`, admin)
    for (const file of page.body.files) seen.push(file.user_id)
    if (page.body.next_cursor === null) break
    cursor = `&cursor=${page.body.next_cursor}`
  }
  expect(seen).toEqual(people.map(({ id }) => Number(id)))
  const [first] = people
  if (first === undefined) throw new Error('nobody')
  expect((await get('/api/auth/admin/kyc', bearer(first.access))).status).toBe(403)
  expect((await approve(first.id, bearer(first.access), { action: 'approve' })).status).toBe(403)
  expect((await approve(first.id, admin, { action: 'reject' })).status).toBe(400)
  const rejected = await approve(first.id, admin, { action: 'reject', reason: 'La photo est coupée.' })
  expect(rejected.body.kyc_status).toBe('REJECTED')
  const { reason } = (await statusOf(server, first.access)).body
  expect(reason).toBe('The file was refused by our team. La photo est coupée.')
  const again = await approve(first.id, admin, { action: 'approve' })
  expect([again.status, again.body.awaiting_second_approval]).toEqual([200, false])
  const unknown = await approve(999_999n, admin, { action: 'approve' })
  expect([unknown.status, unknown.body.code]).toEqual([404, 'PERSON_NOT_FOUND'])
  const bare = await newcomer(server)
  const nothing = await approve(bare.id, admin, { action: 'approve' })
  expect([nothing.status, nothing.body.code]).toEqual([409, 'KYC_DOCUMENTS_MISSING'])
  expect((await approve(bare.id, admin, { action: 'approve', reason: 'Vue au guichet' })).status).toBe(200)
})

test('twenty documents a day, and many at once keep one of each type', { timeout: 30_000 }, async () => {
  const one = await newcomer(server)
  const files = await Promise.all(Array.from({ length: 24 }, (_, i) => photo(i)))
  const answers = await Promise.all(
    files.map((file) => sendDocument(server, one.access, 'SIGNATURE', { file })),
  )
  const codes = Map.groupBy(answers, ({ status }) => status)
  expect([codes.get(201)?.length, codes.get(429)?.length]).toEqual([20, 4])
  const { n } = await server.db.one<{ n: bigint }>(sql`
    select count(*) as n from kyc_documents where person_id = ${one.id} and superseded_at is null`)
  expect(n).toBe(1n)
  const kept = (await stored(server)) as { rows: number; files: string[] }
  expect(kept.files).toHaveLength(kept.rows)
})
