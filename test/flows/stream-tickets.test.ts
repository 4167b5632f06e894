import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createKey,
  ensureOrganization,
  putMember,
  revokeKey,
  rotateKey,
  type MemberRole,
} from '../../src/identity/index.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { DEMO_ORGANIZATION } from '../../src/wiring.ts'
import { openEvents, type EventStream } from '../harness/events.ts'
import { foreignBatch } from '../harness/foreign.ts'
import { standardCsv } from '../harness/multipart.ts'
import { bearer, PASSWORD, registerPerson, type Registered } from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

const lines: string[] = []
let server: TestServer
let bulk: string
let demo: bigint
beforeAll(async () => {
  server = await openServer({
    worker: false, // the batch stays as it is, and its streams open
    limits: { stream_recheck_ms: 150, streams_per_person: 3, registrations_per_hour: 1_000 },
    log: (line) => void lines.push(line),
  })
  bulk = (await server.upload(standardCsv(2, 100))).body.bulkTransferId
  demo = await organization(DEMO_ORGANIZATION)
})
afterAll(() => server.stop())

type Headers = Readonly<Record<string, string>>
const organization = async (name: string): Promise<bigint> =>
  (await server.db.tx((tx) => ensureOrganization(tx, name))).id
const make = (person_id: bigint, roles: readonly MemberRole[], organization_id = demo) =>
  server.db.tx((tx) => putMember(tx, { organization_id, person_id, roles }))
async function member(roles: readonly MemberRole[] = ['SUPERVISEUR']): Promise<Registered> {
  const person = await registerPerson(server)
  await make(person.id, roles)
  return person
}
const ticketFor = async (headers: Headers): Promise<string> => {
  const { status, body, text } = await server.call('POST', '/api/auth/stream-ticket', undefined, headers)
  if (status !== 200) throw new Error(text)
  expect(body).toEqual({ ticket: expect.stringMatching(/^[\w-]{43}$/), expires_in: 60 })
  return body.ticket
}
const stream = (query: string, headers: Headers = {}, id = bulk): Promise<EventStream> =>
  openEvents(`${server.base}/api/bulk-transfers/${id}/stream${query}`, headers)
const codeOf = (of: EventStream): Promise<unknown> =>
  until('the answer has ended', async () => of.ended() && (JSON.parse(of.text()) as { code: unknown }).code)
const code = ({ status, body }: Answer): readonly unknown[] => (status < 400 ? [status] : [status, body.code])

test('a ticket opens one stream, once, and is in no log and no row', async () => {
  const { access } = await member()
  const ticket = await ticketFor(bearer(access))
  const first = await stream(`?ticket=${ticket}`)
  expect(first.status).toBe(200)
  await first.next('the state', ({ data }) => data.bulkTransferId === bulk)
  const second = await stream(`?ticket=${ticket}`)
  expect([second.status, await codeOf(second)]).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  first.close()
  const unused = await ticketFor(bearer(access))
  const rows = await server.db.many<{ text: string }>(
    sql`select t::text as text from identity_stream_tickets t`,
  )
  expect(rows.length).toBeGreaterThan(0)
  for (const { text } of rows) expect(text).not.toContain(unused)
  await until('the stream is in the log', async () => lines.some((line) => line.includes('/stream')))
  for (const secret of [ticket, unused, access]) expect(lines.join('')).not.toContain(secret)
})

test('of twenty uses at once one wins', async () => {
  const { access } = await member()
  const ticket = await ticketFor(bearer(access))
  const all = await Promise.all(Array.from({ length: 20 }, () => stream(`?ticket=${ticket}`)))
  const statuses = all.map(({ status }) => status).toSorted((a, b) => a - b)
  expect(statuses).toEqual([200, ...Array<number>(19).fill(401)])
  all.forEach(({ close }) => close())
})

test('a ticket opens event streams and nothing else, and a bad one never falls back to the demonstration', async () => {
  const { access } = await member()
  const ticket = await ticketFor(bearer(access))
  for (const path of ['/api/accounts', '/api/bulk-transfers/history', `/api/bulk-transfers/${bulk}/status`])
    expect([path, ...code(await server.call('GET', `${path}?ticket=${ticket}`))]).toEqual([
      path,
      401,
      'AUTHENTICATION_REQUIRED',
    ])
  const posted = await server.call('POST', `/api/bulk-transfers/${bulk}/pause?ticket=${ticket}`, {})
  expect(code(posted)).toEqual([401, 'AUTHENTICATION_REQUIRED'])
  for (const bad of ['', 'x', 'A'.repeat(43), `${ticket}&ticket=${ticket}`, `${ticket}%00`])
    expect([bad, (await stream(`?ticket=${bad}`)).status >= 400]).toEqual([bad, true])
  // It is still good: it was spent by none of these.
  const opened = await stream(`?ticket=${ticket}`)
  expect(opened.status).toBe(200)
  opened.close()
  const late = await ticketFor(bearer(access))
  await advanceClock(server.db, 61)
  expect((await stream(`?ticket=${late}`)).status).toBe(401)
})

test('a ticket is bound to the person, his session and the organisation that he named', async () => {
  const foreign = await foreignBatch(server)
  const person = await member()
  expect((await stream(`?ticket=${await ticketFor(bearer(person.access))}`, {}, foreign)).status).toBe(404)
  const other = await organization('Une seconde caisse')
  await make(person.id, ['SUPERVISEUR'], other)
  const named = (id: bigint): Headers => ({ ...bearer(person.access), 'cauri-organization': String(id) })
  const unnamed = await stream(`?ticket=${await ticketFor(bearer(person.access))}`)
  expect([unnamed.status, await codeOf(unnamed)]).toEqual([400, 'ORGANIZATION_REQUIRED'])
  // The header of the stream itself does not change what the ticket says.
  const ticket = await ticketFor(named(other))
  expect((await stream(`?ticket=${ticket}`, { 'cauri-organization': String(demo) })).status).toBe(404)
  const good = await stream(`?ticket=${await ticketFor(named(demo))}`)
  expect(good.status).toBe(200)
  good.close()
  const strange = await server.call('POST', '/api/auth/stream-ticket', undefined, named(999_999n))
  expect(code(strange)).toEqual([404, 'ORGANIZATION_NOT_FOUND'])
  const unused = await ticketFor(named(demo))
  await server.call('POST', '/api/auth/logout', {}, bearer(person.access))
  expect((await stream(`?ticket=${unused}`)).status).toBe(401)
})

const broken = async (of: EventStream): Promise<unknown> => {
  const { data } = await of.next('the stream ends', ({ event }) => event === 'error')
  await until('it is closed', async () => of.ended())
  return data
}

test('an open stream ends when its session does, its role is gone or its person is disabled; others go on', async () => {
  const witness = await stream('', bearer((await member()).access))
  const nobody = await stream('')
  const gone = { code: 'AUTHENTICATION_REQUIRED', retry: false }
  const [out, disabled, demoted, removed] = [await member(), await member(), await member(), await member()]
  const open = (of: Registered) => stream('', bearer(of.access))
  const streams = [await open(out), await open(disabled), await open(demoted), await open(removed)] as const
  const by_ticket = await stream(`?ticket=${await ticketFor(bearer(out.access))}`)
  expect([...streams, by_ticket].map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  await server.call('POST', '/api/auth/logout', {}, bearer(out.access))
  expect(await broken(streams[0])).toEqual(gone)
  expect(await broken(by_ticket)).toEqual(gone)
  await server.db.run(sql`update identity_people set is_active = false where id = ${disabled.id}`)
  expect(await broken(streams[1])).toEqual(gone)
  await make(demoted.id, ['DEVELOPPEUR'])
  expect(await broken(streams[2])).toEqual({ code: 'NOT_ALLOWED', retry: false })
  await server.db.run(sql`delete from identity_members where person_id = ${removed.id}`)
  expect(await broken(streams[3])).toEqual({ code: 'NOT_ALLOWED', retry: false })
  expect([witness.ended(), nobody.ended()]).toEqual([false, false])
  witness.close()
  nobody.close()
})

test('a stream that a key opened ends when the key does, or the secret that opened it; and a key has so many', async () => {
  const maker = { organization_id: demo, name: 'test', person_id: null }
  const newKey = (service_account: string, expires_at: Date | null = null) =>
    server.db.tx((tx) => {
      const wanted = { service_account, scopes: ['bulk.read'], addresses: [], expires_at }
      return createKey(tx, { key_mode: 'test' }, maker, wanted)
    })
  const [revoked, rotated, kept] = [await newKey('un'), await newKey('deux'), await newKey('trois')]
  const brief = await newKey('quatre', new Date(Date.now() + 3_600_000))
  const open = ({ secret }: { secret: string }) => stream('', bearer(secret))
  const [first, second, third] = [await open(revoked), await open(rotated), await open(kept)]
  const fourth = await open(brief)
  expect([first, second, third, fourth].map(({ status }) => status)).toEqual([200, 200, 200, 200])
  const gone = { code: 'AUTHENTICATION_REQUIRED', retry: false }
  await server.db.tx((tx) => revokeKey(tx, maker, revoked.key.public_id))
  expect(await broken(first)).toEqual(gone)
  const next = await server.db.tx((tx) =>
    rotateKey(tx, maker, { public_id: rotated.key.public_id, grace_s: 0 }),
  )
  expect(await broken(second)).toEqual(gone)
  const renewed = await open(next)
  expect(renewed.status).toBe(200)
  await server.db.run(sql`
    update identity_api_keys set created_at = cauri_now() - interval '2 hours', expires_at = cauri_now()
    where public_id = ${brief.key.public_id}`)
  expect(await broken(fourth)).toEqual(gone)
  expect([third.ended(), renewed.ended()]).toEqual([false, false])
  const more = [await open(kept), await open(kept)]
  const beyond = await open(kept)
  expect([beyond.status, await codeOf(beyond)]).toEqual([429, 'TOO_MANY_STREAMS'])
  for (const one of [third, renewed, ...more]) one.close()
})

test('a person has so many streams open and no more, whatever opens them; one that closes makes room', async () => {
  const person = await member()
  const signed = await server.call(
    'POST',
    '/api/auth/session',
    { phone_number: person.phone, password: PASSWORD },
    { origin: server.base },
  )
  const cookie = signed.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
  const open = [
    await stream('', bearer(person.access)),
    await stream('', { cookie }),
    await stream(`?ticket=${await ticketFor({ cookie, origin: server.base })}`),
  ]
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200])
  const fourth = await stream('', { cookie })
  expect([fourth.status, await codeOf(fourth)]).toEqual([429, 'TOO_MANY_STREAMS'])
  const other = await stream('', bearer((await member()).access))
  expect(other.status).toBe(200)
  open[0]?.close()
  const again = await until('there is room', async () => {
    const tried = await stream('', { cookie })
    return tried.status === 200 && tried
  })
  for (const one of [...open, other, again]) one.close()
})
