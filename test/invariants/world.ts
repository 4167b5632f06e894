import { purposeHandlers } from '../../src/app.ts'
import { takeIn } from '../../src/payments/incoming/take.ts'
import {
  confirmFeeQuestion,
  confirmReview,
  findAccount,
  holdConnections,
  proposeFeeQuestion,
  proposeReview,
} from '../../src/payments/index.ts'
import { decideTopUp, proposeTopUp } from '../../src/payments/top-up.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { newMember, newOrganization, setApprovalOver } from '../harness/members.ts'
import { magic, standardCsv } from '../harness/multipart.ts'
import { openReceiver } from '../harness/receiver.ts'
import { openServer, PAYER, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

/** The lists that a full world holds, by what became of them. */
export type Lists = Readonly<
  Record<'told' | 'doubtful' | 'reviewed' | 'cancelled' | 'waiting' | 'awaiting', bigint>
>

/** A product whose database holds one of everything, by its own doing; stopped, so that nothing moves any more. */
export async function openFullWorld(): Promise<{ readonly server: TestServer; readonly lists: Lists }> {
  const server = await openServer({
    env: { MOJALOOP_TIMEOUT_S: '1', MOJALOOP_QUERY_DELAYS_S: '0.1', MOJALOOP_REVIEW_AFTER_S: '600' },
  })
  const { db } = server
  const receiver = await openReceiver()
  const rows = (...payees: readonly string[]): string =>
    ['type_id,valeur_id,devise,montant', ...payees.map((to, i) => `MSISDN,${to},XOF,${500 + i}`)].join('\n')

  const told = await sent(
    server,
    rows('22890110001', '22890110002', magic('010'), magic('003')),
    receiver.url,
  )
  const doubtful = await sent(server, rows('22890110003', magic('129', 1)))
  const reviewed = await sent(server, rows(magic('129', 2), '22890110005', '22890110006'))
  await ends(db, told, { PAID: 3, FAILED: 1 })
  await ends(db, doubtful, { PAID: 1, UNCERTAIN: 1 })
  await ends(db, reviewed, { PAID: 2, UNCERTAIN: 1 })
  await until('the callback came', async () => receiver.received.length === 1, 40_000)
  await reviewByTwo(db, reviewed)

  const top_up = await server.call('POST', `/api/accounts/${PAYER}/top-ups`, { amount: 70, reference: 'r-1' })
  if (top_up.status !== 201) throw new Error(top_up.text)
  await takeIn(db, incoming('in-1', '123456789'), 'AT_TRANSFER')
  await takeIn(db, incoming('in-2', '123456789'), 'AT_NOTIFICATION')
  await takeIn(db, incoming('in-3', 'nobody'), 'AT_TRANSFER')
  await chargeFee(db, told)
  await db.tx((tx) => holdConnections(tx, 'the world is complete'))
  await until('the worker has seen it', async () => (await takenBy(db)) === 0n)
  const cancelled = await sent(server, standardCsv(3, 100))
  const cancelling = await server.call(
    'POST',
    `/api/bulk-transfers/${await bulkOf(db, cancelled)}/cancel`,
    {},
  )
  if (cancelling.status !== 200) throw new Error(cancelling.text)
  const waiting = await sent(server, standardCsv(3, 200))
  const awaiting = await decidedByTwo(server)
  await server.stop()
  return { server, lists: { told, doubtful, reviewed, cancelled, waiting, awaiting } }
}

/** An organisation with a limit: a batch that was approved, one that awaits approval, and top-ups of two people. */
async function decidedByTwo(server: TestServer): Promise<bigint> {
  const { db } = server
  const house = await newOrganization(server)
  await setApprovalOver(server, house, 100n)
  const maker = await newMember(server, house, ['GESTIONNAIRE', 'TRESORIER'])
  const approver = await newMember(server, house, ['APPROBATEUR'])
  const fields = { payer_account: house.account_id }
  const options = { headers: maker.headers }
  const approved = (await server.upload(standardCsv(2, 300), fields, options)).body.bulkTransferId
  const awaiting = (await server.upload(standardCsv(2, 400), fields, options)).body.bulkTransferId
  const path = `/api/bulk-transfers/${approved}`
  const { list_hash } = (await server.call('GET', `${path}/status`, undefined, maker.headers)).body
  const said = await server.call('POST', `${path}/approve`, { list_hash }, approver.headers)
  if (said.status !== 200) throw new Error(said.text)
  const by = { name: `person:${maker.id}`, people: [maker.id] }
  const confirmer = { name: `person:${approver.id}`, person_id: approver.id, organization_id: house.id }
  await db.tx(async (tx) => {
    const account = await findAccount(tx, house.id, house.account_id)
    await proposeTopUp(tx, by, account, { amount: 40n, reference: 'r-open' })
    const { top_up } = await proposeTopUp(tx, by, account, { amount: 50n, reference: 'r-booked' })
    const decided = {
      account_id: house.account_id,
      id: top_up.id,
      decision: 'BOOKED',
      rail: 'mojaloop',
    } as const
    await decideTopUp(tx, confirmer, decided)
  })
  return (await db.one<{ id: bigint }>(sql`select id from bulk_batches where bulk_id = ${awaiting}`)).id
}

const incoming = (transfer_id: string, payee: string): Parameters<typeof takeIn>[1] => ({
  transfer_id,
  payee: { type: 'MSISDN', identifier: payee },
  payer: { type: 'MSISDN', identifier: '22890110009' },
  amount: 900n,
  currency: 'XOF',
})

/** Two people say that the payer bears the fee that the rail took of the third line. */
async function chargeFee(db: Db, batch_id: bigint): Promise<void> {
  await db.tx((tx) => proposeFeeQuestion(tx, { batch_id, seq: 3 }, 'PAYER', 'awa'))
  await db.tx((tx) => confirmFeeQuestion(tx, { batch_id, seq: 3 }, 'kofi'))
}

/** Live ranges: none once nothing is sent any more. */
const takenBy = async (db: Db): Promise<bigint> =>
  (await db.one<{ n: bigint }>(sql`select count(*) as n from payments_ranges where state = 'OPEN'`)).n

export async function sent(server: TestServer, csv: string, callback_url?: string): Promise<bigint> {
  const { status, body, text } = await server.upload(csv, callback_url === undefined ? {} : { callback_url })
  if (status !== 201) throw new Error(text)
  const { id } = await server.db.one<{ id: bigint }>(
    sql`select id from bulk_batches where bulk_id = ${body.bulkTransferId}`,
  )
  return id
}

const bulkOf = async (db: Db, id: bigint): Promise<string> =>
  (await db.one<{ bulk_id: string }>(sql`select bulk_id from bulk_batches where id = ${id}`)).bulk_id

/** Waits until the lines of a batch are in these states. */
const ends = (db: Db, batch: bigint, states: Readonly<Record<string, number>>): Promise<unknown> =>
  until(
    `batch ${batch} is ${JSON.stringify(states)}`,
    async () => {
      const rows = await db.many<{ state: string; n: bigint }>(
        sql`select state, count(*) as n from payments_lines where batch_id = ${batch} group by state`,
      )
      return rows.every(({ state, n }) => BigInt(states[state] ?? 0) === n)
    },
    40_000,
  )

/** The uncertain line grows old, goes to review, and two people say that it was refused. */
async function reviewByTwo(db: Db, batch_id: bigint): Promise<void> {
  await db.run(sql`
    update payments_pursuits set since = since - interval '1 day', next_at = cauri_now() where batch_id = ${batch_id}`)
  await ends(db, batch_id, { PAID: 2, REVIEW: 1 })
  const line = { batch_id, seq: 1 }
  const evidence = { evidence_name: 'letter.txt', evidence: Buffer.from('refused') }
  await db.tx((tx) => proposeReview(tx, { ...line, outcome: 'REFUSED', ...evidence, by: 'awa' }))
  await db.tx((tx) => confirmReview(tx, line, 'kofi', purposeHandlers))
}
