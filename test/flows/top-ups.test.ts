import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAll } from '../../src/integrity/index.ts'
import { createAccount } from '../../src/payments/index.ts'
import { openDb, sql } from '../../src/platform/db.ts'
import { newMember, newOrganization, type TestMember, type TestOrganization } from '../harness/members.ts'
import { BEHIND_PROXY, bearer, elsewhere } from '../harness/people.ts'
import { openServer, type Answer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({
    worker: false,
    env: {
      ...BEHIND_PROXY,
      CAURI_MODE: 'production',
      DATABASE_URL: 'postgres://unused', // the harness opens its own
      PUBLIC_URL: 'https://cauri.example',
      SECRET_KEY: 'x'.repeat(40),
      FIELD_ENCRYPTION_KEY: 'y'.repeat(40),
    },
  })
})
afterAll(() => server.stop())

type House = {
  readonly organization: TestOrganization
  readonly treasurer: TestMember
  readonly other: TestMember
  readonly path: string
}

async function newHouse(): Promise<House> {
  const organization = await newOrganization(server, 1_000n)
  return {
    organization,
    treasurer: await newMember(server, organization, ['TRESORIER', 'APPROBATEUR']),
    other: await newMember(server, organization, ['APPROBATEUR']),
    path: `/api/accounts/${organization.account_id}`,
  }
}

const call = (headers: TestMember['headers'], method: string, path: string, body?: object) =>
  server.call(method, path, body, headers)
const said = ({ status, body }: Answer): readonly unknown[] => [status, body.code ?? body.state]
const propose = ({ treasurer, path }: House, reference: string, amount = 500, headers = treasurer.headers) =>
  call(headers, 'POST', `${path}/top-ups`, { amount, reference })
const decide = ({ path }: House, who: TestMember, id: string, verb: 'confirm' | 'reject') =>
  call(who.headers, 'POST', `${path}/top-ups/${id}/${verb}`)
const balance = async ({ other, path }: House): Promise<number> =>
  (await call(other.headers, 'GET', path)).body.balance
const entries = ({ organization }: House): Promise<number> =>
  server.db.run(sql`
    select from ledger_entries where starts_with(reason, ${`account.topped-up:${organization.account_id}:`})`)

test('in production one says that money arrived, another confirms, and only then it is there', async () => {
  const house = await newHouse()
  const { treasurer, other, path } = house
  const proposed = await propose(house, 'VIR-1')
  expect([proposed.status, proposed.body.state]).toEqual([202, 'PROPOSED'])
  const { id } = proposed.body
  expect([await balance(house), await entries(house)]).toEqual([1_000, 0])
  expect(said(await decide(house, treasurer, id, 'confirm'))).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  expect(said(await decide(house, treasurer, id, 'reject'))).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  const clerk = await newMember(server, house.organization, ['GESTIONNAIRE'])
  expect(said(await decide(house, clerk, id, 'confirm'))).toEqual([403, 'NOT_ALLOWED'])
  const foreign = await newHouse()
  expect(said(await decide(house, foreign.other, id, 'confirm'))).toEqual([404, 'PAYER_ACCOUNT_NOT_FOUND'])
  expect(said(await decide(foreign, foreign.other, id, 'confirm'))).toEqual([404, 'TOP_UP_NOT_FOUND'])
  expect(said(await decide(house, other, id, 'confirm'))).toEqual([200, 'BOOKED'])
  expect([await balance(house), await entries(house)]).toEqual([1_500, 1])
  expect(said(await decide(house, other, id, 'confirm'))).toEqual([409, 'TOP_UP_DECIDED'])
  const listed = await call(other.headers, 'GET', `${path}/top-ups?state=BOOKED`)
  expect(listed.body.top_ups).toMatchObject([
    { id, proposed_by: `person:${treasurer.id}`, decided_by: `person:${other.id}`, amount: 500 },
  ])
})

test('a reference is one fact: said twice it is one proposal, said otherwise it is refused, rejected it is free again', async () => {
  const house = await newHouse()
  const { other } = house
  const all = await Promise.all(Array.from({ length: 8 }, () => propose(house, 'VIR-2')))
  expect(new Set(all.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1)
  const { id } = all[0]?.body ?? {}
  expect(said(await propose(house, 'VIR-2', 501))).toEqual([409, 'TOP_UP_REFERENCE_REUSED'])
  expect(said(await decide(house, other, id, 'reject'))).toEqual([200, 'REJECTED'])
  expect(await entries(house)).toBe(0)
  const again = await propose(house, 'VIR-2', 501)
  expect([again.status, again.body.state]).toEqual([202, 'PROPOSED'])
  expect(said(await decide(house, other, again.body.id, 'confirm'))).toEqual([200, 'BOOKED'])
  expect(said(await decide(house, other, id, 'confirm'))).toEqual([409, 'TOP_UP_DECIDED'])
  expect([(await propose(house, 'VIR-2', 501)).body.state, await balance(house)]).toEqual(['BOOKED', 1_501])
})

test('twenty confirmations and rejections at once have one outcome', async () => {
  const house = await newHouse()
  const second = await newMember(server, house.organization, ['TRESORIER'])
  for (let round = 0; round < 3; round++) {
    const before = await balance(house)
    const { id } = (await propose(house, `VIR-R${round}`)).body
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        decide(house, i % 2 === 0 ? house.other : second, id, i % 4 === 3 ? 'reject' : 'confirm'),
      ),
    )
    const won = all.filter(({ status }) => status === 200)
    expect(won.length).toBe(1)
    expect(all.filter(({ status }) => status === 409).length).toBe(19)
    const booked = won[0]?.body.state === 'BOOKED'
    expect(await balance(house)).toBe(before + (booked ? 500 : 0))
  }
  expect(await checkAll(server.db)).toEqual([])
})

test('who decides second waits for the first, and is told that it is decided', async () => {
  const house = await newHouse()
  const owner = openDb({ url: server.database.ownerUrl, max: 2 })
  const waits = sql`
    select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'payments_top_ups' and state = 'active'`
  for (const verb of ['confirm', 'reject'] as const) {
    const { id } = (await propose(house, `VIR-${verb}`)).body
    let answer: Promise<Answer> | undefined
    await owner.tx(async (tx) => {
      await tx.run(sql`
        update payments_top_ups set state = 'REJECTED', decided_by = 'somebody', decided_person_id = ${house.other.id},
          decided_at = now() where id = ${id}`)
      answer = decide(house, house.other, id, verb)
      await until('the second decision waits', async () => (await owner.run(waits)) > 0, 3_000)
    })
    expect(answer && said(await answer)).toEqual([409, 'TOP_UP_DECIDED'])
  }
  await owner.end()
  expect([await balance(house), await entries(house)]).toEqual([1_000, 0])
})

test('a top-up is its account’s: at another one of the same organisation it does not exist', async () => {
  const house = await newHouse()
  const { organization, other } = house
  const account_id = `${organization.account_id}-2`
  await server.db.tx((tx) =>
    createAccount(tx, 'test', {
      organization_id: organization.id,
      account_id,
      party_id_type: 'MSISDN',
      party_identifier: '22890000002',
      currency: 'XOF',
      opening_balance: 0n,
    }),
  )
  const second = { ...house, path: `/api/accounts/${account_id}` }
  const { id } = (await propose(house, 'VIR-A')).body
  for (const verb of ['confirm', 'reject'] as const)
    expect(said(await decide(second, other, id, verb))).toEqual([404, 'TOP_UP_NOT_FOUND'])
  expect([await balance(house), await balance(second)]).toEqual([1_000, 0])
  expect((await call(other.headers, 'GET', `${second.path}/top-ups`)).body.top_ups).toEqual([])
  expect(said(await decide(house, other, id, 'confirm'))).toEqual([200, 'BOOKED'])
  expect([await balance(house), await balance(second)]).toEqual([1_500, 0])
})

test('a key may propose and never confirm; who made the key confirms nothing of it', async () => {
  const house = await newHouse()
  const maker = await newMember(server, house.organization, ['DEVELOPPEUR', 'APPROBATEUR'])
  const body = { service_account: 'banque', scopes: ['accounts.top_up'] }
  const { secret, id: key_id } = (await call(maker.headers, 'POST', '/api/api-keys', body)).body
  const key = { ...bearer(secret), ...elsewhere() }
  const proposed = await propose(house, 'VIR-3', 500, key)
  expect([proposed.status, proposed.body.proposed_by]).toEqual([202, `key:${key_id}`])
  const by_key = await call(key, 'POST', `${house.path}/top-ups/${proposed.body.id}/confirm`)
  expect(said(by_key)).toEqual([403, 'NOT_ALLOWED'])
  const by_maker = await decide(house, maker, proposed.body.id, 'confirm')
  expect(said(by_maker)).toEqual([409, 'ANOTHER_PERSON_REQUIRED'])
  expect(said(await decide(house, house.other, proposed.body.id, 'confirm'))).toEqual([200, 'BOOKED'])
})

test('the schema itself refuses a proposer’s own confirmation, a second reference, and a second decision', async () => {
  const house = await newHouse()
  const owner = openDb({ url: server.database.ownerUrl, max: 1 })
  const { id } = (await propose(house, 'VIR-4')).body
  const booked = (person: TestMember) => sql`
    update payments_top_ups set state = 'BOOKED', decided_by = ${`somebody ${person.id}`},
      decided_person_id = ${person.id}, decided_at = now() where id = ${id}`
  await expect(owner.run(booked(house.treasurer))).rejects.toThrow('payments_top_ups_two_people')
  await expect(
    owner.run(sql`
      insert into payments_top_ups (id, account_id, amount, reference, proposed_by, proposed_people)
      select 'top-00000000000000000000000000', account_id, 9, reference, 'x', '{}' from payments_top_ups where id = ${id}`),
  ).rejects.toThrow('payments_top_ups_reference')
  await decide(house, house.other, id, 'reject')
  await expect(owner.run(booked(house.other))).rejects.toThrow('never changes')
  await owner.end()
})
