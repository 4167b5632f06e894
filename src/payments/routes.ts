import { Readable } from 'node:stream'
import { z } from 'zod'
import { may } from '../identity/index.ts'
import type { Db } from '../platform/db.ts'
import { defineRoute, type Route } from '../platform/http/route.ts'
import { toJson } from '../platform/money.ts'
import { accountParams, accountSchema, accountView, amount, organizationOf } from './account-view.ts'
import { accountStatement, findAccount, listAccounts, type PayerAccount } from './account.ts'
import { topUpRoutes } from './top-up-routes.ts'

const movement = z.object({
  entry: z.int(),
  at: z.iso.datetime(),
  kind: z.string(),
  reason: z.string(),
  amount,
  balance: amount.describe('what is available after it'),
})

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
  ...topUpRoutes(rail),
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
