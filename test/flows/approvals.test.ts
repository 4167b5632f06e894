import { afterAll, beforeAll, expect, test } from 'vitest'
import { openApp, type App } from '../../src/app.ts'
import { checkAll } from '../../src/integrity/index.ts'
import { openDb, sql } from '../../src/platform/db.ts'
import { openLog } from '../../src/platform/log.ts'
import { openEvents } from '../harness/events.ts'
import {
  newMember,
  newOrganization,
  setApprovalOver,
  type TestMember,
  type TestOrganization,
} from '../harness/members.ts'
import { magic, standardCsv } from '../harness/multipart.ts'
import { BEHIND_PROXY, bearer, elsewhere } from '../harness/people.ts'
import { CHEAP, openServer, SECRET_KEY, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
let workers: readonly App[] = []
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
})
afterAll(async () => {
  await stopWorkers()
  await server.stop()
})

/** Another process that pays, on the same database. */
async function startWorker(): Promise<void> {
  const { simulators } = server.world
  const app = await openApp({
    config: server.config,
    log: openLog('silent'),
    url: server.database.url,
    adapter_url: `http://127.0.0.1:${simulators.ports.sdk}`,
    simulator_url: `http://127.0.0.1:${simulators.ports.simulator}`,
    simulator_mail_port: simulators.ports.mail,
    secret_key: SECRET_KEY,
    password_cost: CHEAP,
  })
  workers = [...workers, app]
  await app.startWorker()
}

async function stopWorkers(): Promise<void> {
  for (const app of workers) await app.stop()
  workers = []
}

type House = {
  readonly organization: TestOrganization
  readonly maker: TestMember
  readonly approver: TestMember
}

/** Above 1,000 francs, a second person is needed. */
async function newHouse(): Promise<House> {
  const organization = await newOrganization(server)
  await setApprovalOver(server, organization, 1_000n)
  const maker = await newMember(server, organization, ['GESTIONNAIRE', 'TRESORIER', 'APPROBATEUR'])
  return { organization, maker, approver: await newMember(server, organization, ['APPROBATEUR']) }
}

let from = 100_000
async function send(
  { organization, maker }: House,
  { rows = 3, headers = maker.headers }: { rows?: number; headers?: TestMember['headers'] } = {},
): Promise<Answer['body']> {
  from += 100
  const said = await server.upload(
    standardCsv(rows, from, 500),
    { payer_account: organization.account_id },
    { headers },
  )
  if (said.status !== 201) throw new Error(`${said.status} ${said.text}`)
  return said.body
}

const act = (who: TestMember, id: string, verb: string, body: object = {}): Promise<Answer> =>
  server.call('POST', `/api/bulk-transfers/${id}/${verb}`, body, who.headers)
const said = ({ status, body }: Answer): readonly unknown[] => [status, body.code ?? body.state]
const statusOf = async (who: TestMember, id: string): Promise<Answer['body']> =>
  (await server.call('GET', `/api/bulk-transfers/${id}/status`, undefined, who.headers)).body
const hashOf = async (who: TestMember, id: string): Promise<string> => (await statusOf(who, id)).list_hash
const money = async ({ organization, maker }: House): Promise<readonly number[]> => {
  const path = `/api/accounts/${organization.account_id}`
  const { available, reserved } = (await server.call('GET', path, undefined, maker.headers)).body
  return [available, reserved]
}
const paidTo = async (): Promise<number> => (await server.world.paid()).length
const idOf = async (bulk_id: string): Promise<bigint> =>
  (await server.db.one<{ id: bigint }>(sql`select id from bulk_batches where bulk_id = ${bulk_id}`)).id

test('a batch above the limit is never paid before its approval: not by workers, not after a restart', async () => {
  const house = await newHouse()
  const { maker, approver } = house
  const made = await send(house)
  expect(made).toMatchObject({ state: 'PENDING', awaiting_approval: true })
  const id = made.bulkTransferId
  const small = await send(house, { rows: 2 })
  expect(small.awaiting_approval).toBeUndefined()
  expect(await money(house)).toEqual([997_500, 2_500])
  const stream = await openEvents(`${server.base}/api/bulk-transfers/${id}/stream`, approver.headers)
  await stream.next('it waits', ({ data }) => data.awaiting_approval === true)

  for (const round of ['started', 'started again']) {
    await startWorker()
    await startWorker()
    const beside = round === 'started' ? small : await send(house, { rows: 1 })
    await until(`${round}: the other batch is paid`, async () => {
      return (await statusOf(maker, beside.bulkTransferId)).state === 'COMPLETED'
    })
    await stopWorkers()
  }
  expect(await paidTo()).toBe(3)
  const waiting = await statusOf(maker, id)
  expect(waiting).toMatchObject({ state: 'PENDING', awaiting_approval: true, pending: 3, paused: false })
  const ranges = sql`select from payments_ranges where batch_id = ${await idOf(id)}`
  expect(await server.db.run(ranges)).toBe(0)
  expect((await money(house))[1]).toBe(1_500)
  expect(await checkAll(server.db)).toEqual([])

  await startWorker()
  const approved = await act(approver, id, 'approve', { list_hash: waiting.list_hash, reason: 'conforme' })
  expect([approved.status, approved.body.awaiting_approval]).toEqual([200, undefined])
  await stream.next('it is paid', ({ event, data }) => event === 'done' && data.state === 'COMPLETED')
  expect(await paidTo()).toBe(6)
  await stopWorkers()
  const details = await server.call('GET', `/api/bulk-transfers/${id}/details`, undefined, maker.headers)
  expect(details.body.history.map(({ who, what }: { who: string; what: string }) => [who, what])).toEqual([
    [`person:${maker.id}`, 'bulk.created'],
    [`person:${maker.id}`, 'bulk.approval_asked'],
    [`person:${approver.id}`, 'bulk.approved'],
    ['engine', 'bulk.finished'],
  ])
  const history = await server.call('GET', '/api/bulk-transfers/history', undefined, maker.headers)
  expect(history.body.results.map((one: Answer['body']) => one.awaiting_approval)).toEqual([
    false,
    false,
    false,
  ])
  expect(await checkAll(server.db)).toEqual([])
})

test('who made it does not approve it, nor a stranger, nor who read another list', async () => {
  const house = await newHouse()
  const { maker, approver, organization } = house
  const id = (await send(house)).bulkTransferId
  const list_hash = await hashOf(maker, id)
  expect(said(await act(maker, id, 'approve', { list_hash }))).toEqual([409, 'BULK_MAKER'])
  expect(said(await act(maker, id, 'reject', { list_hash, reason: 'non' }))).toEqual([409, 'BULK_MAKER'])
  for (const role of ['GESTIONNAIRE', 'TRESORIER', 'SUPERVISEUR', 'DEVELOPPEUR'] as const) {
    const other = await newMember(server, organization, [role])
    expect(said(await act(other, id, 'approve', { list_hash }))).toEqual([403, 'NOT_ALLOWED'])
  }
  const foreign = (await newHouse()).approver
  expect(said(await act(foreign, id, 'approve', { list_hash }))).toEqual([404, 'BULK_NOT_FOUND'])
  const nobody = await server.call('POST', `/api/bulk-transfers/${id}/approve`, { list_hash })
  expect(nobody.status).toBe(401)
  const wrong = await act(approver, id, 'approve', { list_hash: 'f'.repeat(32) })
  expect([wrong.status, wrong.body.code, wrong.body.list_hash]).toEqual([409, 'LIST_HASH_DIFFERS', list_hash])
  expect((await act(approver, id, 'approve', {})).status).toBe(400)
  expect((await act(approver, id, 'reject', { list_hash })).status).toBe(400)
  expect((await statusOf(maker, id)).awaiting_approval).toBe(true)
  const unlimited = (await send(house, { rows: 1 })).bulkTransferId
  const needless = await act(approver, unlimited, 'approve', { list_hash: await hashOf(maker, unlimited) })
  expect(said(needless)).toEqual([409, 'BULK_NOT_AWAITING'])
})

test('what a key made is approved by nobody who knows its secret', async () => {
  const house = await newHouse()
  const [first, second] = [
    await newMember(server, house.organization, ['DEVELOPPEUR', 'APPROBATEUR']),
    await newMember(server, house.organization, ['DEVELOPPEUR', 'APPROBATEUR']),
  ]
  const body = { service_account: 'paie', scopes: ['bulk.create'] }
  const key = (await server.call('POST', '/api/api-keys', body, first.headers)).body
  const path = `/api/api-keys/${key.id}/rotate`
  const rotated = (await server.call('POST', path, {}, second.headers)).body
  const headers = { ...bearer(rotated.secret), ...elsewhere() }
  const id = (await send(house, { headers })).bulkTransferId
  const list_hash = await hashOf(house.maker, id)
  for (const knows of [first, second])
    expect(said(await act(knows, id, 'approve', { list_hash }))).toEqual([409, 'BULK_MAKER'])
  const by_key = await server.call('POST', `/api/bulk-transfers/${id}/approve`, { list_hash }, headers)
  expect(by_key.status).toBe(403)
  expect((await act(house.maker, id, 'approve', { list_hash })).status).toBe(200)
})

test('a role that is taken away while the approval is under way approves nothing', async () => {
  const house = await newHouse()
  const { approver, organization } = house
  const id = (await send(house)).bulkTransferId
  const list_hash = await hashOf(approver, id)
  const gone = sql`
    delete from identity_members where organization_id = ${organization.id} and person_id = ${approver.id}`
  const waits = sql`
    select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'identity_members' and state = 'active'`
  const owner = openDb({ url: server.database.ownerUrl, max: 1 })
  let answer: Promise<Answer> | undefined
  await server.db.tx(async (tx) => {
    await tx.run(gone)
    answer = act(approver, id, 'approve', { list_hash })
    await until('the approval waits for the removal', async () => (await owner.run(waits)) > 0, 3_000)
  })
  await owner.end()
  expect(answer && said(await answer)).toEqual([403, 'NOT_ALLOWED'])
  const blocked = await newMember(server, organization, ['APPROBATEUR'])
  await server.db.run(sql`update identity_people set is_active = false where id = ${blocked.id}`)
  expect((await act(blocked, id, 'approve', { list_hash })).status).toBe(401)
  expect((await statusOf(house.maker, id)).awaiting_approval).toBe(true)
})

test('forty decisions at once have one outcome, and the money is where it says', async () => {
  const house = await newHouse()
  const approvers = [
    house.approver,
    await newMember(server, house.organization, ['APPROBATEUR']),
    await newMember(server, house.organization, ['APPROBATEUR']),
  ]
  for (let round = 0; round < 3; round++) {
    const [before] = await money(house)
    const id = (await send(house)).bulkTransferId
    const list_hash = await hashOf(house.maker, id)
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => {
        const who = approvers[i % 3] ?? house.approver
        if (i % 4 === 3) return act(house.maker, id, 'cancel', { reason: 'stop' })
        return act(who, id, i % 4 === 1 ? 'reject' : 'approve', { list_hash, reason: 'vu' })
      }),
    )
    expect(all.filter(({ status }) => status === 200 || status === 409).length).toBe(40)
    const { state } = await server.db.one<{ state: string }>(sql`
      select state from bulk_approvals where batch_id = ${await idOf(id)}`)
    const decisions = await server.db.many<{ action: string }>(sql`
      select action from audit_events
      where subject = ${id} and action in ('bulk.approved', 'bulk.rejected', 'bulk.cancelled') order by id`)
    const actions = decisions.map(({ action }) => action)
    const after = await statusOf(house.maker, id)
    // What was approved may be stopped afterwards, as any batch; nothing else follows a decision.
    if (state === 'APPROVED')
      expect(['bulk.approved', 'bulk.approved,bulk.cancelled']).toContain(actions.join())
    else expect(actions).toEqual([state === 'REJECTED' ? 'bulk.rejected' : 'bulk.cancelled'])
    expect(all.filter(({ status }) => status === 200).length).toBe(actions.length)
    const cancelled = actions.at(-1) !== 'bulk.approved'
    expect(after).toMatchObject({ state: cancelled ? 'CANCELLED' : 'PENDING', awaiting_approval: false })
    expect((await money(house))[0]).toBe((before ?? 0) - (cancelled ? 0 : 1_500))
  }
  expect(await checkAll(server.db)).toEqual([])
})

test('a rejected batch is cancelled and its money is back; a cancelled one waits for nobody', async () => {
  const house = await newHouse()
  const { maker, approver } = house
  const [rejected, cancelled] = [(await send(house)).bulkTransferId, (await send(house)).bulkTransferId]
  expect(await money(house)).toEqual([997_000, 3_000])
  const list_hash = await hashOf(maker, rejected)
  const answer = await act(approver, rejected, 'reject', { list_hash, reason: 'deux doublons' })
  expect(said(answer)).toEqual([200, 'CANCELLED'])
  expect(said(await act(maker, cancelled, 'cancel'))).toEqual([200, 'CANCELLED'])
  expect(await money(house)).toEqual([1_000_000, 0])
  for (const id of [rejected, cancelled]) {
    expect(await statusOf(maker, id)).toMatchObject({ awaiting_approval: false, cancelled: 3 })
    const late = await act(approver, id, 'approve', { list_hash: await hashOf(maker, id) })
    expect(said(late)).toEqual([409, 'BULK_NOT_AWAITING'])
  }
  const details = await server.call(
    'GET',
    `/api/bulk-transfers/${rejected}/details`,
    undefined,
    maker.headers,
  )
  const rejection = details.body.history.find((one: { what: string }) => one.what === 'bulk.rejected')
  expect(rejection).toMatchObject({ who: `person:${approver.id}`, detail: { reason: 'deux doublons' } })
})

test('neither a pause and its end nor another limit lets a waiting batch go; an approved one goes on', async () => {
  const house = await newHouse()
  const { maker, approver, organization } = house
  const id = (await send(house)).bulkTransferId
  expect((await act(maker, id, 'pause', { reason: 'déjeuner' })).status).toBe(200)
  expect((await act(maker, id, 'resume')).status).toBe(200)
  await setApprovalOver(server, organization, 1_000_000n)
  const open = sql`select from payments_batches where id = ${await idOf(id)} and open`
  expect((await statusOf(maker, id)).awaiting_approval).toBe(true)
  expect(await server.db.run(open)).toBe(0)
  const list_hash = await hashOf(maker, id)
  const key = { ...approver.headers, 'idempotency-key': 'accord' }
  const approving = () => server.call('POST', `/api/bulk-transfers/${id}/approve`, { list_hash }, key)
  const [first, replay] = [await approving(), await approving()]
  expect([first.status, replay.status, replay.headers.get('idempotency-replayed')]).toEqual([
    200,
    200,
    'true',
  ])
  expect(said(await act(approver, id, 'approve', { list_hash }))).toEqual([409, 'BULK_NOT_AWAITING'])
  await setApprovalOver(server, organization, 0n)
  expect((await statusOf(maker, id)).awaiting_approval).toBe(false)
  expect(await server.db.run(open)).toBe(1)
})

test('a retry is a batch of its own: it waits for its own approval', async () => {
  const house = await newHouse()
  const { maker, approver, organization } = house
  const refused = magic('003', 4)
  const csv = standardCsv(2, 90_000, 600).replaceAll(/MSISDN,\d+/g, `MSISDN,${refused}`)
  const sent = await server.upload(
    csv,
    { payer_account: organization.account_id },
    { headers: maker.headers },
  )
  const id = sent.body.bulkTransferId
  await act(approver, id, 'approve', { list_hash: await hashOf(maker, id) })
  await startWorker()
  await until('both lines are refused', async () => (await statusOf(maker, id)).state === 'FAILED')
  const again = await act(maker, id, 'retry')
  expect([again.status, again.body.awaiting_approval]).toEqual([201, true])
  const child = again.body.bulkTransferId
  expect(said(await act(maker, child, 'approve', { list_hash: await hashOf(maker, child) }))).toEqual([
    409,
    'BULK_MAKER',
  ])
  const approved = await act(approver, child, 'approve', { list_hash: await hashOf(maker, child) })
  expect(approved.status).toBe(200)
  await until('it ends', async () => (await statusOf(maker, child)).state === 'FAILED')
  await stopWorkers()
})

test('approvers are told, and who made it is not', async () => {
  const house = await newHouse()
  await send(house)
  await startWorker()
  const told = (who: TestMember) =>
    server.db.many<{ text: string }>(sql`
      select text from notifications_in_app where person_id = ${who.id} and kind = 'approval_needed'`)
  const [first] = await until('the approver is told', async () => {
    const news = await told(house.approver)
    return news.length > 0 && news
  })
  expect(first?.text).toBe(
    `${house.organization.name} : un lot de 3 paiements, 1500 XOF, attend votre accord.`,
  )
  expect(await told(house.maker)).toEqual([])
  await stopWorkers()
})

test('the schema itself keeps a waiting batch from being claimed, opened half, or decided by its maker', async () => {
  const house = await newHouse()
  const bulk_id = (await send(house)).bulkTransferId
  const id = await idOf(bulk_id)
  const breaking = [
    [sql`update payments_batches set next_seq = 2 where id = ${id}`, 'payments_batches_awaits_approval'],
    [sql`update payments_batches set open = true where id = ${id}`, 'payments_batches_open'],
    [sql`update payments_batches set awaits_approval = false where id = ${id}`, 'payments_batches_open'],
    [
      sql`update bulk_approvals set state = 'APPROVED', decided_by = 'x', decided_person_id = ${house.maker.id},
        decided_at = now() where batch_id = ${id}`,
      'bulk_approvals_another_person',
    ],
  ] as const
  for (const [statement, constraint] of breaking)
    await expect(server.db.run(statement)).rejects.toThrow(constraint)
  await act(house.approver, bulk_id, 'approve', { list_hash: await hashOf(house.maker, bulk_id) })
  await expect(
    server.db.run(sql`update bulk_approvals set state = 'WAITING', decided_by = null where batch_id = ${id}`),
  ).rejects.toThrow('never changes')
})
