import { Readable } from 'node:stream'
import { z } from 'zod'
import { may } from '../identity/index.ts'
import type { Actor } from '../platform/context.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { defineRoute, type Route } from '../platform/http/route.ts'
import { MAX_AMOUNT, toJson } from '../platform/money.ts'
import { accountStatement, findAccount, listAccounts, topUp, type PayerAccount } from './account.ts'

const amount = z.int().describe('whole minor units; XAF and XOF: francs')
const accountView = (account: PayerAccount) => ({
  account_id: account.account_id,
  party_id_type: account.party_id_type,
  party_identifier: account.party_identifier,
  currency: account.currency,
  balance: toJson(account.balance),
  reserved: toJson(account.reserved),
  available: toJson(account.available),
  created_at: account.created_at.toISOString(),
})
const accountSchema = z
  .object({
    account_id: z.string(),
    party_id_type: z.string(),
    party_identifier: z.string(),
    currency: z.string(),
    balance: amount.describe('available plus reserved'),
    reserved: amount.describe('held for batches that are not final'),
    available: amount,
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'PayerAccount' })

const movement = z.object({
  entry: z.int(),
  at: z.iso.datetime(),
  kind: z.string(),
  reason: z.string(),
  amount,
  balance: amount.describe('what is available after it'),
})

const organizationOf = (actor: Actor): bigint => {
  if (actor.kind !== 'organization') throw new Refusal('AUTHENTICATION_REQUIRED')
  return actor.organization_id
}

const accountParams = z.object({ account_id: z.string().max(128) })
const day = z.union([z.iso.datetime({ offset: true }), z.iso.date()])
const statementQuery = z.object({
  from: day.optional(),
  to: day.optional().describe('not included'),
  format: z.enum(['json', 'csv']).default('json'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
})

/** Payer accounts of the caller's organisation. `rail` is where top-ups arrive. */
export const accountRoutes = (rail: string): readonly Route[] => [
  defineRoute({
    method: 'GET',
    path: '/api/accounts',
    operation_id: 'listAccounts',
    summary: 'Payer accounts with their money',
    tags: ['accounts'],
    access: may('accounts.read'),
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z
        .string()
        .regex(/^\d{1,18}$/)
        .optional(),
    }),
    response: { 200: z.object({ accounts: z.array(accountSchema), next_cursor: z.string().optional() }) },
    refusals: [],
    handle: async ({ ctx, actor, query }) => {
      const page = { after: BigInt(query.cursor ?? 0), limit: query.limit + 1 }
      const rows = await listAccounts(ctx.db, organizationOf(actor), page)
      const accounts = rows.slice(0, query.limit)
      const next = rows.length > query.limit ? accounts.at(-1)?.id : undefined
      const more = next === undefined ? {} : { next_cursor: String(next) }
      return { status: 200, body: { accounts: accounts.map(accountView), ...more } }
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/accounts/:account_id',
    operation_id: 'getAccount',
    summary: 'One payer account',
    tags: ['accounts'],
    access: may('accounts.read'),
    params: accountParams,
    response: { 200: accountSchema },
    refusals: ['PAYER_ACCOUNT_NOT_FOUND'],
    handle: async ({ ctx, actor, params }) => ({
      status: 200,
      body: accountView(await findAccount(ctx.db, organizationOf(actor), params.account_id)),
    }),
  }),
  statementRoute,
  topUpRoute(rail),
]

const statementRoute = defineRoute({
  method: 'GET',
  path: '/api/accounts/:account_id/statement',
  operation_id: 'getAccountStatement',
  summary: 'Movements of an account with the running balance, as JSON or CSV',
  tags: ['accounts'],
  access: may('accounts.read'),
  params: accountParams,
  query: statementQuery,
  response: {
    200: {
      description: 'movements',
      content: {
        'application/json': z.object({
          account_id: z.string(),
          currency: z.string(),
          movements: z.array(movement),
          next_cursor: z.string().optional(),
        }),
        'text/csv': 'file',
      },
    },
  },
  refusals: ['PAYER_ACCOUNT_NOT_FOUND'],
  handle: async ({ ctx, actor, params, query, request }) => {
    const account = await findAccount(ctx.db, organizationOf(actor), params.account_id)
    const between = { from: timeOf(query.from), to: timeOf(query.to) }
    if (query.format === 'csv' || /^text\/csv\b/.test(request.headers.accept ?? '')) {
      const headers = {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="${account.account_id}-statement.csv"`,
      }
      return {
        status: 200,
        body: Readable.from(statementCsv(ctx.db, account, between), { objectMode: false }),
        headers,
      }
    }
    const after = BigInt(query.cursor ?? 0)
    const rows = await accountStatement(ctx.db, account, { ...between, after, limit: query.limit + 1 })
    const movements = rows.slice(0, query.limit).map(movementView)
    const next = rows.length > query.limit ? movements.at(-1)?.entry : undefined
    return {
      status: 200,
      body: {
        account_id: account.account_id,
        currency: account.currency,
        movements,
        ...(next === undefined ? {} : { next_cursor: String(next) }),
      },
    }
  },
})

const timeOf = (text: string | undefined): Date | null =>
  text === undefined ? null : new Date(Date.parse(text))

type Movement = Awaited<ReturnType<typeof accountStatement>>[number]
const movementView = (row: Movement) => ({
  entry: toJson(row.entry_id),
  at: row.created_at.toISOString(),
  kind: row.kind,
  reason: row.reason,
  amount: toJson(row.amount),
  balance: toJson(row.balance),
})

async function* statementCsv(
  db: Db,
  account: PayerAccount,
  between: { readonly from: Date | null; readonly to: Date | null },
): AsyncGenerator<string> {
  yield 'at,kind,reason,amount,balance\r\n'
  for (let after = 0n; ;) {
    const rows = await accountStatement(db, account, { ...between, after, limit: 1_000 })
    if (rows.length === 0) return
    // Kinds and reasons are ours, without commas, quotes or leading signs; a top-up's reference is checked at entry.
    yield rows
      .map((r) => `${r.created_at.toISOString()},${r.kind},${r.reason},${r.amount},${r.balance}\r\n`)
      .join('')
    after = rows.at(-1)?.entry_id ?? after
  }
}

const topUpRoute = (rail: string): Route =>
  defineRoute({
    method: 'POST',
    path: '/api/accounts/:account_id/top-ups',
    operation_id: 'topUpAccount',
    summary: 'Book money that arrived; the reference is unique per account',
    tags: ['accounts'],
    access: may('accounts.top_up'),
    params: accountParams,
    body: z.strictObject({
      amount: z.int().min(1).max(Number(MAX_AMOUNT)),
      reference: z.string().regex(/^[A-Za-z0-9@._+-]{1,100}$/),
    }),
    response: { 200: accountSchema, 201: accountSchema },
    refusals: ['PAYER_ACCOUNT_NOT_FOUND', 'TOP_UP_REFERENCE_REUSED', 'AMOUNT_INVALID'],
    idempotent: true,
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const organization = organizationOf(actor)
      return ctx.db.tx(async (tx) => {
        const account = await findAccount(tx, organization, params.account_id)
        const by = actor.kind === 'organization' ? actor.name : 'nobody'
        if (account.balance + BigInt(body.amount) > MAX_AMOUNT) throw new Refusal('AMOUNT_INVALID')
        const booked = await topUp(tx, by, account, {
          amount: BigInt(body.amount),
          reference: body.reference,
          rail,
        })
        const view = accountView(await findAccount(tx, organization, params.account_id))
        const answer = { status: booked ? 201 : 200, body: view } as const
        await idempotency.complete(tx, answer)
        return answer
      })
    },
  })
