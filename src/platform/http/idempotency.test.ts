import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../../../test/harness/database.ts'
import { readConfig } from '../config.ts'
import { CommitUnknown, sql, type Db } from '../db.ts'
import { Refusal } from '../errors.ts'
import { openLog } from '../log.ts'
import { openTo } from './access.ts'
import { beginIdempotent, cleanIdempotency, fingerprintOf, type Claim } from './idempotency.ts'
import { strictMode } from './problem.ts'
import { defineRoute } from './route.ts'
import { buildServer } from './server.ts'

let db: Db
let app: FastifyInstance
let url: string

let lease_left_s = 0

/** Each effect is a row; `mode` says how the handler goes wrong. */
const paid = z.object({ effect: z.string(), amount: z.int() })
const pay = defineRoute({
  method: 'POST',
  path: '/api/pay',
  summary: 'Pays',
  tags: ['test'],
  access: openTo('test'),
  idempotent: true,
  body: z.object({ amount: z.int(), mode: z.string().default('ok') }),
  response: { 201: paid, 200: z.object({ valid: z.boolean() }) },
  refusals: ['INSUFFICIENT_FUNDS'],
  handle: async ({ ctx, body, idempotency }) => {
    if (body.mode === 'dry') return { status: 200, body: { valid: true } }
    if (body.mode === 'lease') lease_left_s = await leaseOf('lease')
    const answer = await ctx.db.tx(async (tx) => {
      const { id } = await tx.one<{ id: bigint }>(sql`
        insert into platform_outbox (kind, subject, payload) values ('effect', ${body.mode}, '{}') returning id`)
      await pause(30)
      if (body.mode === 'refused') throw new Refusal('INSUFFICIENT_FUNDS')
      if (body.mode === 'bug') throw new Error('a bug before the commit')
      const said = {
        status: 201,
        body: { effect: String(id), amount: body.amount },
        headers: { location: `/api/pay/${id}` },
      } as const
      await idempotency.complete(tx, said)
      return said
    })
    if (body.mode === 'lost') throw new CommitUnknown(new Error('the line went dead'))
    return answer
  },
})

const upload = defineRoute({
  method: 'POST',
  path: '/api/upload',
  summary: 'Uploads',
  tags: ['test'],
  access: openTo('test'),
  idempotent: true,
  body: 'stream',
  response: { 201: paid },
  refusals: [],
  handle: async ({ ctx, request, idempotency }) => {
    let text = ''
    for await (const part of request.parts()) if (part.type === 'file') text = String(await part.toBuffer())
    const claim = await idempotency.begin(fingerprintOf(text))
    if (claim.kind === 'replay') return claim
    return ctx.db.tx(async (tx) => {
      await tx.run(
        sql`insert into platform_outbox (kind, subject, payload) values ('effect', 'upload', '{}')`,
      )
      const said = { status: 201, body: { effect: text, amount: 1 } } as const
      await claim.complete(tx, said)
      return said
    })
  },
})

beforeAll(async () => {
  strictMode.on = true
  db = (await freshDatabase()).db
  const ctx = { db, log: openLog('silent'), config: readConfig({}) }
  app = await buildServer({ ctx, routes: [pay, upload], authorize: async () => ({ kind: 'anonymous' }) })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => app.close())

type Said = {
  status: number
  text: string
  replayed: string | null
  retry_after: string | null
  location: string | null
}

async function post(key: string | undefined, body: object, path = '/api/pay'): Promise<Said> {
  const form = body instanceof FormData
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      ...(form ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: form ? body : JSON.stringify(body),
  })
  const { status, headers } = response
  return {
    status,
    text: await response.text(),
    replayed: headers.get('idempotency-replayed'),
    retry_after: headers.get('retry-after'),
    location: headers.get('location'),
  }
}

const effects = async (subject: string): Promise<number> =>
  (await db.many(sql`select id from platform_outbox where kind = 'effect' and subject = ${subject}`)).length
const leaseOf = async (key: string): Promise<number> =>
  (
    await db.one<{ left_s: number }>(sql`
      select extract(epoch from lease_until - clock_timestamp())::float8 as left_s
      from platform_idempotency where key = ${key}`)
  ).left_s
const rows = async (key: string): Promise<number> =>
  (await db.many(sql`select key from platform_idempotency where key = ${key}`)).length

test('fifty equal calls at once have one effect, and every answer is the same', async () => {
  const call = async (): Promise<Said> => {
    for (let tries = 0; ; tries++) {
      const said = await post('fifty', { amount: 5, mode: 'fifty' })
      if (said.status !== 409 || tries > 100) return said
      expect(said.text).toContain('IDEMPOTENCY_IN_PROGRESS')
      expect(Number(said.retry_after)).toBeGreaterThan(0)
      await pause(20)
    }
  }
  const answers = await Promise.all(Array.from({ length: 50 }, call))
  expect(new Set(answers.map((a) => `${a.status} ${a.text} ${a.location}`)).size).toBe(1)
  expect(answers.filter((a) => a.replayed === 'true')).toHaveLength(49)
  expect(answers[0]?.status).toBe(201)
  expect(await effects('fifty')).toBe(1)
})

test('the order of the fields does not matter; another amount under the same key is refused', async () => {
  const first = await post('order', { amount: 7, mode: 'order' })
  const again = await post('order', { mode: 'order', amount: 7 })
  expect([again.text, again.replayed, again.location]).toEqual([first.text, 'true', first.location])
  const other = await post('order', { mode: 'order', amount: 8 })
  expect(other.status).toBe(422)
  expect(other.text).toContain('IDEMPOTENCY_KEY_REUSED')
})

test('without a key every call has its effect', async () => {
  await post(undefined, { amount: 1, mode: 'keyless' })
  await post(undefined, { amount: 1, mode: 'keyless' })
  expect(await effects('keyless')).toBe(2)
})

test('a refusal, a bug and an answer without effect leave no row, so the key can be used again', async () => {
  expect((await post('again', { amount: 1, mode: 'refused' })).status).toBe(409)
  expect(await rows('again')).toBe(0)
  expect((await post('again', { amount: 1, mode: 'bug' })).status).toBe(500)
  expect(await rows('again')).toBe(0)
  expect((await post('again', { amount: 1, mode: 'dry' })).status).toBe(200)
  expect(await rows('again')).toBe(0)
  expect((await post('again', { amount: 2, mode: 'again' })).status).toBe(201)
  expect([await effects('refused'), await effects('bug'), await effects('again')]).toEqual([0, 0, 1])
})

test('a commit whose confirmation was lost is answered with what it kept', async () => {
  const first = await post('lost', { amount: 3, mode: 'lost' })
  const again = await post('lost', { amount: 3, mode: 'lost' })
  expect([first.status, again.status, again.text]).toEqual([201, 201, first.text])
  expect(await effects('lost')).toBe(1)
})

test('a process that dies keeps the key of a request no longer than the rest of what was its own', async () => {
  expect((await post('lease', { amount: 1, mode: 'lease' })).status).toBe(201)
  expect(lease_left_s).toBeGreaterThan(0)
  expect(lease_left_s).toBeLessThanOrEqual(readConfig({}).LEASE_S)
})

test('keys that are not printable ASCII or too long are refused', async () => {
  for (const key of ['', 'é', 'x'.repeat(256)]) {
    const said = await post(key, { amount: 1, mode: 'badkey' })
    expect([said.status, said.text.includes('IDEMPOTENCY_KEY_INVALID')]).toEqual([400, true])
  }
  expect((await post('x'.repeat(255), { amount: 1, mode: 'longkey' })).status).toBe(201)
})

test('an upload is known by its content: the same file replays, another one is refused', async () => {
  const file = (text: string): FormData => {
    const form = new FormData()
    form.append('file', new Blob([text]), 'list.csv')
    return form
  }
  const first = await post('upload', file('a'), '/api/upload')
  const again = await post('upload', file('a'), '/api/upload')
  const other = await post('upload', file('b'), '/api/upload')
  expect([first.status, again.text, again.replayed, other.status]).toEqual([201, first.text, 'true', 422])
  expect(await effects('upload')).toBe(1)
})

const call = (key: string, lease_s: number): Parameters<typeof beginIdempotent>[1] => ({
  scope: 'test',
  key,
  fingerprint: fingerprintOf('x'),
  lease_s,
})

async function begin(key: string, lease_s: number): Promise<Claim> {
  const begun = await beginIdempotent(db, call(key, lease_s))
  if (begun.kind !== 'new') throw new Error('expected a new claim')
  return begun
}

test('after the lease another request takes the key over, and the first owner’s effect rolls back', async () => {
  const old = await begin('takeover', 0)
  const next = await begin('takeover', 60)
  const stale = db.tx(async (tx) => {
    await tx.run(sql`insert into platform_outbox (kind, subject, payload) values ('effect', 'stale', '{}')`)
    await old.complete(tx, { status: 201, body: { by: 'old' } })
  })
  await expect(stale).rejects.toThrow('still running')
  expect(await effects('stale')).toBe(0)
  expect(await old.release()).toBeUndefined() // must not free the new owner's key
  await db.tx((tx) => next.complete(tx, { status: 201, body: { by: 'next' } }))
  expect(await beginIdempotent(db, call('takeover', 60))).toMatchObject({
    kind: 'replay',
    answer: { status: 201, body: { by: 'next' } },
  })
})

test('a key within its lease is still running, and not taken over', async () => {
  await begin('leased', 60)
  await expect(beginIdempotent(db, call('leased', 60))).rejects.toMatchObject({
    code: 'IDEMPOTENCY_IN_PROGRESS',
  })
})

test('a request that lives keeps its key beyond the lease', async () => {
  const alive = await begin('alive', 1.2)
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  await expect(beginIdempotent(db, call('alive', 60))).rejects.toMatchObject({
    code: 'IDEMPOTENCY_IN_PROGRESS',
  })
  await db.tx((tx) => alive.complete(tx, { status: 201, body: { by: 'alive' } }))
})

test('of twenty that would take over one dead key, one gets it', async () => {
  await begin('race', 0)
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => begin('race', 60)))
  expect(tries.filter((t) => t.status === 'fulfilled')).toHaveLength(1)
})

test('a claim cannot be made inside a transaction', async () => {
  await expect(db.tx(() => begin('inside', 60))).rejects.toThrow('inside a database transaction')
})

test('only what is older than 90 days is cleaned away', async () => {
  await begin('old', 60)
  await begin('young', 60)
  await db.run(sql`
    update platform_idempotency set created_at = clock_timestamp() - interval '91 days' where key = 'old'`)
  expect(await cleanIdempotency(db)).toBe(1)
  expect([await rows('old'), await rows('young')]).toEqual([0, 1])
})
