import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDb, sql } from '../../src/platform/db.ts'
import {
  newMember,
  newOrganization,
  newPerson,
  type TestMember,
  type TestOrganization,
} from '../harness/members.ts'
import { BEHIND_PROXY, demoPerson, newPhone } from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
let admin: Readonly<Record<string, string>>
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
  admin = await demoPerson(server, 'ADMIN')
})
afterAll(() => server.stop())

type House = {
  readonly organization: TestOrganization
  readonly treasurer: TestMember
  readonly approver: TestMember
  readonly path: string
}

async function newHouse(): Promise<House> {
  const organization = await newOrganization(server)
  return {
    organization,
    treasurer: await newMember(server, organization, ['TRESORIER']),
    approver: await newMember(server, organization, ['APPROBATEUR']),
    path: `/api/organizations/${organization.id}`,
  }
}

const call = (who: Pick<TestMember, 'headers'>, method: string, path: string, body?: object) =>
  server.call(method, path, body, who.headers)
const said = ({ status, body }: Answer): readonly unknown[] => [status, body.code ?? body.state]
const rolesOf = async ({ treasurer, path }: House, { id }: TestMember): Promise<unknown> => {
  const { body } = await call(treasurer, 'GET', `${path}/members`)
  return body.members.find((one: { person_id: number }) => one.person_id === Number(id))?.roles
}
const limitOf = async ({ treasurer, path }: House): Promise<unknown> =>
  (await call(treasurer, 'GET', path)).body.approval_over

/** The token of the last invitation that waits to be sent there. */
async function tokenSentTo(destination: string): Promise<string> {
  const { text } = await server.db.one<{ text: string }>(sql`
    select text from notifications_messages
    where kind = 'invitation' and destination = ${destination} order by id desc limit 1`)
  return /\/i#([A-Za-z0-9_-]{24})$/.exec(text)?.[1] ?? ''
}

const accept = (who: TestMember, token: string): Promise<Answer> =>
  call(who, 'POST', '/api/auth/invitations/accept', { token })

test('an administrator makes an organisation and gives it its first members; later ones need its word', async () => {
  const [first, second] = [await newPerson(server), await newPerson(server)]
  const body = {
    name: 'Mutuelle des pêcheurs',
    members: [{ phone_number: first.phone, roles: ['TRESORIER'] }],
  }
  const made = await server.call('POST', '/api/organizations', body, admin)
  expect([made.status, made.body.name, made.body.approval_over]).toEqual([201, body.name, null])
  const again = await server.call('POST', '/api/organizations', { name: body.name }, admin)
  expect(said(again)).toEqual([409, 'ORGANIZATION_EXISTS'])
  const refused = await call(first, 'POST', '/api/organizations', { name: 'Autre' })
  expect(said(refused)).toEqual([403, 'NOT_ALLOWED'])

  const path = `/api/organizations/${made.body.id}`
  const wanted = { members: [{ person_id: Number(second.id), roles: ['APPROBATEUR'] }] }
  const proposed = await server.call('POST', `${path}/members`, wanted, admin)
  expect([proposed.status, proposed.body.proposals[0].state]).toEqual([202, 'PROPOSED'])
  const id = proposed.body.proposals[0].id
  const alone = await server.call('POST', `/api/core/proposals/${id}/confirm`, undefined, admin)
  expect(said(alone)).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  const confirmed = await call(first, 'POST', `${path}/proposals/${id}/confirm`)
  expect(said(confirmed)).toEqual([200, 'CONFIRMED'])
  const empty = await server.call('POST', '/api/organizations', { name: 'Vide' }, admin)
  const given = await server.call('POST', `/api/organizations/${empty.body.id}/members`, wanted, admin)
  expect([given.status, given.body.proposals]).toEqual([200, []])

  const mine = await call(first, 'GET', '/api/organizations')
  expect(mine.body.organizations.map((one: { id: number }) => one.id)).toEqual([made.body.id])
  const all = await server.call('GET', '/api/organizations', undefined, admin)
  expect(all.body.organizations.length).toBeGreaterThan(2)
})

test('the organisation of the path is the one that is acted for; any other does not exist', async () => {
  const [house, other] = [await newHouse(), await newHouse()]
  const calls: readonly (readonly [string, string, object?])[] = [
    ['GET', ''],
    ['PATCH', '', { approval_over: 5 }],
    ['GET', '/members'],
    ['PATCH', `/members/${other.approver.id}`, { roles: ['SUPERVISEUR'] }],
    ['DELETE', `/members/${other.approver.id}`],
    ['GET', '/invitations'],
    ['POST', '/invitations', { phone_number: newPhone(), roles: ['SUPERVISEUR'] }],
    ['GET', '/proposals'],
    ['POST', '/proposals/prp-00000000000000000000000000/confirm'],
  ]
  for (const [method, rest, body] of calls) {
    const seen = await call(house.treasurer, method, other.path + rest, body)
    expect([method, rest, ...said(seen)]).toEqual([method, rest, 404, 'ORGANIZATION_NOT_FOUND'])
  }
  const mine = await call(house.treasurer, 'PATCH', `${house.path}/members/${other.approver.id}`, {
    roles: ['SUPERVISEUR'],
  })
  expect(said(mine)).toEqual([404, 'MEMBER_NOT_FOUND'])
})

test('a limit holds when another member has confirmed it, once, and only on what it was proposed on', async () => {
  const house = await newHouse()
  const { treasurer, approver, path } = house
  const proposed = await call(treasurer, 'PATCH', path, { approval_over: { XOF: 5_000 } })
  expect(said(proposed)).toEqual([202, 'PROPOSED'])
  const stale = await call(treasurer, 'PATCH', path, { approval_over: 1 })
  expect(await limitOf(house)).toBeNull()
  const confirm = (who: TestMember, id: string) => call(who, 'POST', `${path}/proposals/${id}/confirm`)
  expect(said(await confirm(treasurer, proposed.body.id))).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  const reader = await newMember(server, house.organization, ['SUPERVISEUR'])
  expect(said(await confirm(reader, proposed.body.id))).toEqual([403, 'NOT_ALLOWED'])
  expect(said(await call(reader, 'PATCH', path, { approval_over: 5 }))).toEqual([403, 'NOT_ALLOWED'])
  const all = await Promise.all(Array.from({ length: 8 }, () => confirm(approver, proposed.body.id)))
  expect(all.filter(({ status }) => status === 200).length).toBe(1)
  expect(new Set(all.map((one) => one.status))).toEqual(new Set([200, 409]))
  expect(await limitOf(house)).toEqual({ XOF: 5_000 })
  expect(said(await confirm(approver, stale.body.id))).toEqual([409, 'PROPOSAL_OUTDATED'])
  expect(said(await call(approver, 'POST', `${path}/proposals/${stale.body.id}/reject`))).toEqual([
    200,
    'REJECTED',
  ])
  expect(said(await confirm(approver, stale.body.id))).toEqual([409, 'PROPOSAL_DECIDED'])
  const same = await call(treasurer, 'PATCH', path, { approval_over: { XOF: 5_000 } })
  expect(same.status).toBe(200)

  const off = await call(treasurer, 'PATCH', path, { approval_over: null })
  const by_admin = await server.call('POST', `/api/core/proposals/${off.body.id}/confirm`, undefined, admin)
  expect(said(by_admin)).toEqual([200, 'CONFIRMED'])
  expect(await limitOf(house)).toBeNull()
  const acts = await server.db.many<{ after: unknown }>(sql`
    select after from audit_events
    where action = 'organization.settings_changed' and organization_id = ${house.organization.id} order by id`)
  expect(acts.map(({ after }) => after)).toEqual([{ approval_over: { XOF: 5_000 } }, { approval_over: null }])
})

test('plain roles change at once; those that approve or fund wait for a second person, who is not the one concerned', async () => {
  const house = await newHouse()
  const { treasurer, approver, organization, path } = house
  const clerk = await newMember(server, organization, ['SUPERVISEUR'])
  const change = (who: TestMember, whom: TestMember, roles: readonly string[]) =>
    call(who, 'PATCH', `${path}/members/${whom.id}`, { roles })
  expect((await change(treasurer, clerk, ['GESTIONNAIRE', 'DEVELOPPEUR'])).status).toBe(200)
  expect(await rolesOf(house, clerk)).toEqual(['GESTIONNAIRE', 'DEVELOPPEUR'])
  expect(said(await change(treasurer, treasurer, ['GESTIONNAIRE']))).toEqual([409, 'MEMBER_HIMSELF'])
  expect(said(await change(approver, clerk, ['SUPERVISEUR']))).toEqual([403, 'NOT_ALLOWED'])

  const promoted = await change(treasurer, clerk, ['GESTIONNAIRE', 'TRESORIER'])
  expect(said(promoted)).toEqual([202, 'PROPOSED'])
  expect(await rolesOf(house, clerk)).toEqual(['GESTIONNAIRE', 'DEVELOPPEUR'])
  const confirm = (who: TestMember, { body }: Answer) =>
    call(who, 'POST', `${path}/proposals/${body.id}/confirm`)
  expect(said(await confirm(approver, promoted))).toEqual([200, 'CONFIRMED'])
  expect(await rolesOf(house, clerk)).toEqual(['GESTIONNAIRE', 'TRESORIER'])
  const both = await change(treasurer, clerk, ['APPROBATEUR', 'TRESORIER'])
  expect(said(await confirm(clerk, both))).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  const down = await change(clerk, approver, ['SUPERVISEUR'])
  expect(said(down)).toEqual([202, 'PROPOSED'])
  // Who proposed it is no treasurer any more: his word is worth nothing.
  await server.db.run(sql`
    update identity_members set roles = array['SUPERVISEUR']
    where organization_id = ${organization.id} and person_id = ${clerk.id}`)
  expect(said(await confirm(treasurer, down))).toEqual([409, 'PROPOSAL_OUTDATED'])
  expect(await rolesOf(house, approver)).toEqual(['APPROBATEUR'])
})

test('a member who is taken out is none at his next request; the last treasurer stays', async () => {
  const house = await newHouse()
  const { treasurer, approver, organization, path } = house
  const second = await newMember(server, organization, ['TRESORIER'])
  const remove = (who: TestMember, whom: TestMember) => call(who, 'DELETE', `${path}/members/${whom.id}`)
  expect((await remove(treasurer, approver)).status).toBe(200)
  expect(said(await call(approver, 'GET', `${path}/members`))).toEqual([403, 'NOT_ALLOWED'])
  expect(said(await remove(treasurer, approver))).toEqual([404, 'MEMBER_NOT_FOUND'])
  expect(said(await remove(treasurer, treasurer))).toEqual([409, 'MEMBER_HIMSELF'])
  const each_other = await Promise.all([remove(treasurer, second), remove(second, treasurer)])
  expect(each_other.filter(({ status }) => status === 200).length).toBe(1)
  const left = await server.db.many<{ person_id: bigint }>(sql`
    select person_id from identity_members where organization_id = ${organization.id}`)
  expect(left.length).toBe(1)
  const { before, after } = await server.db.one<{ before: unknown; after: unknown }>(sql`
    select before, after from audit_events where action = 'member.removed' and subject = ${`person:${approver.id}`}`)
  expect([before, after]).toEqual([{ roles: ['APPROBATEUR'] }, { roles: null }])
})

test('a treasurer who is blocked is none: the last one who can act stays', async () => {
  const house = await newHouse()
  const { treasurer, approver, organization, path } = house
  const blocked = await newMember(server, organization, ['TRESORIER'])
  await server.db.run(sql`update identity_people set is_active = false where id = ${blocked.id}`)
  const other = await newMember(server, organization, ['TRESORIER'])
  const down = await call(other, 'PATCH', `${path}/members/${treasurer.id}`, { roles: ['SUPERVISEUR'] })
  const remove = (who: TestMember, whom: TestMember) => call(who, 'DELETE', `${path}/members/${whom.id}`)
  expect((await remove(treasurer, other)).status).toBe(200)
  // Only the blocked one would be left.
  const confirmed = await server.call('POST', `/api/core/proposals/${down.body.id}/confirm`, undefined, admin)
  expect(confirmed.body.code).toBe('PROPOSAL_OUTDATED')
  const wanted = { members: [{ person_id: Number(treasurer.id), roles: ['SUPERVISEUR'] }] }
  const proposed = await server.call('POST', `${path}/members`, wanted, admin)
  const id = proposed.body.proposals[0].id
  expect(said(await call(approver, 'POST', `${path}/proposals/${id}/confirm`))).toEqual([
    409,
    'LAST_TREASURER',
  ])
  expect((await remove(treasurer, blocked)).status).toBe(200)
})

test('who is taken out while he takes another out, or changes one, does neither', async () => {
  const house = await newHouse()
  const { approver, organization, path } = house
  const calls = [
    ['DELETE', undefined],
    ['PATCH', { roles: ['APPROBATEUR', 'SUPERVISEUR'] }],
  ] as const
  for (const [method, body] of calls) {
    const leaving = await newMember(server, organization, ['TRESORIER'])
    const owner = openDb({ url: server.database.ownerUrl, max: 1 })
    const waits = sql`
      select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'identity_members' and state = 'active'`
    let answer: Promise<Answer> | undefined
    await server.db.tx(async (tx) => {
      await tx.run(sql`
        delete from identity_members where organization_id = ${organization.id} and person_id = ${leaving.id}`)
      answer = call(leaving, method, `${path}/members/${approver.id}`, body)
      await until('his call waits for the removal', async () => (await owner.run(waits)) > 0, 3_000)
    })
    await owner.end()
    expect(answer && said(await answer)).toEqual([403, 'NOT_ALLOWED'])
    expect(await rolesOf(house, approver)).toEqual(['APPROBATEUR'])
  }
})

test('the last treasurer does not lose the role by a proposal either', async () => {
  const house = await newHouse()
  const { treasurer, approver, organization, path } = house
  const second = await newMember(server, organization, ['TRESORIER'])
  const down = await call(second, 'PATCH', `${path}/members/${treasurer.id}`, { roles: ['SUPERVISEUR'] })
  const away = await call(treasurer, 'PATCH', `${path}/members/${second.id}`, { roles: ['SUPERVISEUR'] })
  const confirm = (id: string) => call(approver, 'POST', `${path}/proposals/${id}/confirm`)
  const both = await Promise.all([confirm(down.body.id), confirm(away.body.id)])
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 409]))
  expect(['LAST_TREASURER', 'PROPOSAL_OUTDATED']).toContain(
    both.find(({ status }) => status === 409)?.body.code,
  )
})

test('an invitation brings in who has the phone, once, in his language; what moves money waits', async () => {
  const house = await newHouse()
  const { treasurer, approver, organization, path } = house
  const invited = await newPerson(server)
  const roles = ['GESTIONNAIRE', 'APPROBATEUR']
  const body = { phone_number: invited.phone, roles, language: 'en' }
  const sent = await call(treasurer, 'POST', `${path}/invitations`, body)
  expect([sent.status, sent.body.state, sent.body.to]).toEqual([201, 'OPEN', `…${invited.phone.slice(-4)}`])
  const { text } = await server.db.one<{ text: string }>(sql`
    select text from notifications_messages where kind = 'invitation' and destination = ${invited.phone}`)
  expect(text).toContain(`Cauri: ${organization.name} invites you.`)
  const token = await tokenSentTo(invited.phone)
  const everything = await server.db.many<{ row: string }>(sql`
    select i::text as row from identity_invitations i union all select e::text from audit_events e`)
  expect(everything.map(({ row }) => row).join()).not.toContain(token)

  const joined = await accept(invited, token)
  expect([joined.status, joined.body.roles, joined.body.awaiting_confirmation]).toEqual([
    200,
    ['GESTIONNAIRE'],
    ['APPROBATEUR'],
  ])
  expect(await rolesOf(house, invited)).toEqual(['GESTIONNAIRE'])
  expect(said(await accept(invited, token))).toEqual([400, 'INVITATION_INVALID'])
  const open = await call(approver, 'GET', `${path}/proposals?state=PROPOSED`)
  expect(open.body.proposals).toMatchObject([
    { kind: 'MEMBER_ROLES', person_id: Number(invited.id), proposed_by: `person:${treasurer.id}` },
  ])
  const confirm = `${path}/proposals/${open.body.proposals[0].id}/confirm`
  expect(said(await call(treasurer, 'POST', confirm))).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  expect(said(await call(approver, 'POST', confirm))).toEqual([200, 'CONFIRMED'])
  expect(await rolesOf(house, invited)).toEqual(['GESTIONNAIRE', 'APPROBATEUR'])
  const listed = await call(treasurer, 'GET', `${path}/invitations`)
  expect(listed.body.invitations.map((one: { state: string }) => one.state)).toEqual(['ACCEPTED'])
})

test('who was invited to approve only is no member before the second word', async () => {
  const { treasurer, approver, path, ...house } = await newHouse()
  const invited = await newPerson(server)
  const body = { phone_number: invited.phone, roles: ['APPROBATEUR'] }
  await call(treasurer, 'POST', `${path}/invitations`, body)
  const joined = await accept(invited, await tokenSentTo(invited.phone))
  expect([joined.status, joined.body.roles]).toEqual([200, []])
  expect(said(await call(invited, 'GET', path))).toEqual([403, 'NOT_ALLOWED'])
  const open = await call(approver, 'GET', `${path}/proposals?state=PROPOSED`)
  await call(approver, 'POST', `${path}/proposals/${open.body.proposals[0].id}/confirm`)
  expect((await call(invited, 'GET', path)).body.id).toBe(Number(house.organization.id))
})

test('one answer for a token that is unknown, over, taken back, somebody else’s, or of who may not invite any more', async () => {
  const house = await newHouse()
  const { treasurer, organization, path } = house
  const send = async (who: TestMember, to: object) =>
    (await call(who, 'POST', `${path}/invitations`, { ...to, roles: ['SUPERVISEUR'] })).body.id
  const refusal = { status: 400, code: 'INVITATION_INVALID' }
  const refused = async (who: TestMember, token: string): Promise<void> =>
    expect((await accept(who, token)).body).toMatchObject(refusal)

  const invited = await newPerson(server)
  await refused(invited, 'a'.repeat(24))
  const revoked = await send(treasurer, { phone_number: invited.phone })
  const token = await tokenSentTo(invited.phone)
  await refused(await newPerson(server), token)
  await call(treasurer, 'DELETE', `${path}/invitations/${revoked}`)
  expect((await call(treasurer, 'DELETE', `${path}/invitations/${revoked}`)).status).toBe(404)
  await refused(invited, token)

  const late = await newPerson(server)
  const over = await send(treasurer, { phone_number: late.phone })
  await server.db.run(sql`
    update identity_invitations set created_at = created_at - interval '8 days', expires_at = expires_at - interval '7 days'
    where id = ${over}`)
  await refused(late, await tokenSentTo(late.phone))

  const second = await newMember(server, organization, ['TRESORIER'])
  const orphan = await newPerson(server)
  await send(second, { phone_number: orphan.phone })
  await call(treasurer, 'DELETE', `${path}/members/${second.id}`)
  await refused(orphan, await tokenSentTo(orphan.phone))

  const unproven = await newPerson(server)
  await server.db.run(sql`update identity_people set phone_verified_at = null where id = ${unproven.id}`)
  await send(treasurer, { phone_number: unproven.phone })
  await refused(unproven, await tokenSentTo(unproven.phone))

  const by_mail = await newPerson(server, { email: 'Awa@Mutuelle.example' })
  await send(treasurer, { email: 'awa@mutuelle.example' })
  const mailed = await tokenSentTo('awa@mutuelle.example')
  await refused(invited, mailed)
  expect((await accept(by_mail, mailed)).status).toBe(200)
})

test('invitations of a day are counted, and tokens cannot be tried at will', async () => {
  const { treasurer, path, organization } = await newHouse()
  const invite = () =>
    call(treasurer, 'POST', `${path}/invitations`, { phone_number: newPhone(), roles: ['SUPERVISEUR'] })
  const all = await Promise.all(Array.from({ length: 55 }, invite))
  expect(all.filter(({ status }) => status === 201).length).toBe(50)
  expect(all.filter(({ status }) => status === 429).length).toBe(5)
  const rows = sql`select from identity_invitations where organization_id = ${organization.id}`
  expect(await server.db.run(rows)).toBe(50)
  const guesser = await newPerson(server)
  const tries = []
  for (let i = 0; i < 8; i++) tries.push((await accept(guesser, `guess-${i}`)).status)
  expect(tries.slice(0, 5)).toEqual([400, 400, 400, 400, 400])
  expect(tries).toContain(429)
})

test('the schema itself knows two people', async () => {
  const { treasurer, approver, path } = await newHouse()
  const owner = openDb({ url: server.database.ownerUrl, max: 1 })
  const { id } = (await call(treasurer, 'PATCH', path, { approval_over: 7 })).body
  const decide = (person: TestMember) => sql`
    update identity_proposals set state = 'CONFIRMED', decided_by = ${`person:${person.id}`},
      decided_person_id = ${person.id}, decided_at = now() where id = ${id}`
  await expect(owner.run(decide(treasurer))).rejects.toThrow('identity_proposals_two_people')
  const roles = (await call(treasurer, 'PATCH', `${path}/members/${approver.id}`, { roles: ['TRESORIER'] }))
    .body
  await expect(
    owner.run(sql`
      update identity_proposals set state = 'CONFIRMED', decided_by = 'x', decided_person_id = ${approver.id},
        decided_at = now() where id = ${roles.id}`),
  ).rejects.toThrow('identity_proposals_not_himself')
  await owner.end()
})

test('a browser of another origin may say for which organisation it acts', async () => {
  const asked = await fetch(`${server.base}/api/accounts`, {
    method: 'OPTIONS',
    headers: {
      origin: 'http://localhost:5173',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,cauri-organization',
    },
  })
  expect(asked.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('cauri-organization')
  const { body } = await server.call('GET', '/openapi.json')
  const named = (path: string, method: string): readonly string[] =>
    (body.paths[path][method].parameters ?? [])
      .filter((one: { in: string }) => one.in === 'header')
      .map((one: { name: string }) => one.name)
  expect(named('/api/accounts', 'get')).toContain('Cauri-Organization')
  expect(named('/api/bulk-transfers', 'post')).toEqual(
    expect.arrayContaining(['Cauri-Organization', 'Idempotency-Key']),
  )
  expect(named('/api/auth/profile', 'get')).toEqual([])
})
