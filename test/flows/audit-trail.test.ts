import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  newestCheckpoint,
  openSigningKey,
  originOf,
  verifiersOf,
  verifyTrail,
} from '../../src/audit/index.ts'
import { sql } from '../../src/platform/db.ts'
import { standardCsv } from '../harness/multipart.ts'
import { openServer, PAYER, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
beforeAll(async () => {
  server = await openServer()
})

afterAll(() => server.stop())

type Kept = {
  readonly actor: string
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
}
const actsOf = (action: string): Promise<Kept[]> =>
  server.db.many(sql`
    select actor, address, user_agent, request_id from audit_events where action = ${action} order by id`)

test('what a caller does is kept with the call; what the engine makes of it is nobody’s call', async () => {
  const headers = { 'user-agent': 'a-program/1', 'x-request-id': 'req-of-this-test' }
  const sent = await server.upload(standardCsv(40), {}, { headers })
  expect(sent.status).toBe(201)
  const call = { address: '127.0.0.1', user_agent: 'a-program/1' }
  expect(await actsOf('bulk.created')).toEqual([
    expect.objectContaining({ ...call, request_id: 'req-of-this-test' }),
  ])
  const top_up = await server.call(
    'POST',
    `/api/accounts/${PAYER}/top-ups`,
    { amount: 70, reference: 'r-1' },
    { 'user-agent': 'a-program/1' },
  )
  expect(top_up.status).toBe(201)
  expect(await actsOf('account.topped-up')).toEqual([
    expect.objectContaining({ ...call, request_id: top_up.headers.get('x-request-id') }),
  ])
  const settled = await until('the list is paid', async () => {
    const done = await actsOf('bulk.finished')
    return done.length > 0 && [...done, ...(await actsOf('payouts.settled'))]
  })
  for (const act of settled)
    expect(act).toEqual({ actor: 'engine', address: null, user_agent: null, request_id: null })
})

test('the worker seals all of it by itself, with the key of its folder', async () => {
  const { db, config } = server
  const sealed = await until('everything is sealed', async () => {
    const { waiting } = await db.one<{ waiting: bigint }>(sql`select count(*) as waiting from audit_unsealed`)
    return waiting === 0n && newestCheckpoint(db)
  })
  const { n } = await db.one<{ n: bigint }>(sql`select count(*) as n from audit_events`)
  expect(sealed.size).toBeGreaterThan(4)
  expect(sealed.size).toBeLessThanOrEqual(Number(n))
  const verifiers = verifiersOf(await originOf(db), openSigningKey(config))
  expect(await verifyTrail(db, { verifiers, kept: sealed.note })).toMatchObject({ faults: [] })
})
