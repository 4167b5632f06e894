import { afterAll, beforeAll, expect, test } from 'vitest'
import { remindReviewers, tellMaker } from '../../src/news.ts'
import { putMember } from '../../src/identity/index.ts'
import { sql } from '../../src/platform/db.ts'
import { newMember, newOrganization, type TestMember } from '../harness/members.ts'
import { magic, standardCsv } from '../harness/multipart.ts'
import { BEHIND_PROXY } from '../harness/people.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: { ...BEHIND_PROXY, MOJALOOP_QUERY_DELAYS_S: '0.05' } })
})
afterAll(() => server.stop())

type News = { readonly kind: string; readonly text: string }
const newsOf = async ({ headers }: TestMember): Promise<readonly News[]> =>
  (await server.call('GET', '/api/notifications', undefined, headers)).body.notifications
const settled = (batch: string): Promise<unknown> =>
  until('every line has its end', async () => {
    const { finished } = await server.db.one<{ finished: boolean }>(sql`
      select completed_at is not null as finished from bulk_public_batches where bulk_id = ${batch}`)
    const { waiting } = await server.db.one<{ waiting: number }>(
      sql`select count(*)::integer as waiting from platform_outbox where kind = 'bulk.maker_told'`,
    )
    return finished && waiting === 0
  })

test('who made a batch hears of its end, on each way that he wants; others, and who is no member any more, do not', async () => {
  const organization = await newOrganization(server)
  const maker = await newMember(server, organization, ['GESTIONNAIRE'])
  const colleague = await newMember(server, organization, ['GESTIONNAIRE'])
  const fields = { payer_account: organization.account_id }
  const made = await server.upload(standardCsv(3, 100), fields, { headers: maker.headers })
  const first: string = made.body.bulkTransferId
  await settled(first)
  const told = await until('the news', async () => {
    const all = await newsOf(maker)
    return all.length > 0 && all
  })
  expect(told).toMatchObject([{ kind: 'batch_finished' }])
  expect(told[0]?.text).toContain(first)
  expect(await newsOf(colleague)).toEqual([])
  const sms = await until('the SMS', async () => {
    const { body } = await server.call('GET', `/_sim/inbox?to=${encodeURIComponent(maker.phone)}`)
    const found = (body.messages as News[]).filter(({ text }) => text.includes(first))
    return found.length > 0 && found
  })
  expect(sms).toHaveLength(1)

  // Who has left is not told of what was his.
  await server.db.run(sql`delete from identity_members where person_id = ${maker.id}`)
  const row = { id: 1n, subject: first, payload: { organization_id: String(organization.id) } }
  await server.db.tx((tx) =>
    tellMaker(tx, { ...row, kind: 'bulk.maker_told', created_at: new Date(), tries: 0 }),
  )
  expect(await newsOf(maker)).toHaveLength(1)
})

test('lines that wait for people are told to those who settle them, by number, of their own organisation only', async () => {
  const [organization, other] = [await newOrganization(server), await newOrganization(server)]
  const settler = await newMember(server, organization, ['GESTIONNAIRE'])
  const reader = await newMember(server, organization, ['SUPERVISEUR'])
  const stranger = await newMember(server, other, ['GESTIONNAIRE'])
  const csv = `type_id,valeur_id,devise,montant,nom_complet\nMSISDN,${magic('008')},XOF,500,Awa\n`
  const made = await server.upload(
    csv,
    { payer_account: organization.account_id },
    { headers: settler.headers },
  )
  expect(made.status).toBe(201)
  await until('it is for people to decide', async () => {
    const { n } = await server.db.one<{ n: number }>(
      sql`select count(*)::integer as n from payments_pursuits where state = 'REVIEW'`,
    )
    return n === 1
  })
  await remindReviewers(server.app.ctx.db)
  expect(await newsOf(settler)).toMatchObject([{ kind: 'review_needed' }])
  expect((await newsOf(settler))[0]?.text).toMatch(/1 paiement/)
  expect([await newsOf(reader), await newsOf(stranger)]).toEqual([[], []])
  await server.db.tx((tx) =>
    putMember(tx, { organization_id: organization.id, person_id: settler.id, roles: ['SUPERVISEUR'] }),
  )
  await remindReviewers(server.app.ctx.db)
  expect(await newsOf(settler)).toHaveLength(1)
})
