import { Readable } from 'node:stream'
import { z } from 'zod'
import { historyOf } from '../../audit/index.ts'
import { attemptsOf } from '../../payments/index.ts'
import type { Db } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { may } from '../../identity/index.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { lineStates, type Bulk, type LineState } from '../batch.ts'
import { resultsCsv } from '../results.ts'
import * as q from '../sql.ts'
import { eventView, historyView, lineView, statusView, storyView } from '../view.ts'
import { bulkOf, makerOf } from './maker.ts'
import * as s from './schemas.ts'

const historyRoute = defineRoute({
  method: 'GET',
  path: '/api/bulk-transfers/history',
  operation_id: 'listBulkTransfers',
  summary: 'Batches of the organisation, newest first',
  tags: ['bulk transfers'],
  access: may('bulk.read'),
  query: s.historyQuery,
  response: { 200: s.history },
  refusals: [],
  handle: async ({ ctx, actor, query }) => {
    const { limit, offset } = query
    const filter: q.HistoryFilter = {
      organization: makerOf(actor).organization_id,
      state: query.state ?? null,
      from: query.start_date === undefined ? null : startOf(query.start_date),
      to: query.end_date === undefined ? null : endOf(query.end_date),
      limit,
      offset,
    }
    const results = (await q.selectHistory(ctx.db, filter)).map(historyView)
    const total = await q.countHistory(ctx.db, filter)
    return { status: 200, body: { total, count: results.length, limit, offset, results } }
  },
})

const statusRoute = defineRoute({
  method: 'GET',
  path: '/api/bulk-transfers/:id/status',
  operation_id: 'getBulkTransferStatus',
  summary: 'State, counts and lines of a batch',
  tags: ['bulk transfers'],
  access: may('bulk.read'),
  params: s.bulkParams,
  query: s.linesQuery,
  response: { 200: s.status },
  refusals: ['BULK_NOT_FOUND'],
  handle: async ({ ctx, actor, params, query }) => {
    const bulk = await bulkOf(ctx, actor, params.id)
    const body = await statusWithLines(ctx.db, bulk, query)
    return { status: 200, body, headers: nextLink(`${params.id}/status`, query, body.next_cursor) }
  },
})

const detailsRoute = defineRoute({
  method: 'GET',
  path: '/api/bulk-transfers/:id/details',
  operation_id: 'getBulkTransferDetails',
  summary: 'The status, and who did what when',
  tags: ['bulk transfers'],
  access: may('bulk.read'),
  params: s.bulkParams,
  query: s.linesQuery,
  response: { 200: s.details },
  refusals: ['BULK_NOT_FOUND'],
  handle: async ({ ctx, actor, params, query }) => {
    const bulk = await bulkOf(ctx, actor, params.id)
    const status = await statusWithLines(ctx.db, bulk, query)
    const history = (await historyOf(ctx.db, bulk.bulk_id)).map(eventView)
    const headers = nextLink(`${params.id}/details`, query, status.next_cursor)
    return { status: 200, body: { ...status, history, rejected: [] }, headers }
  },
})

const lineRoute = defineRoute({
  method: 'GET',
  path: '/api/bulk-transfers/:id/lines/:transferId',
  operation_id: 'getBulkTransferLine',
  summary: 'The story of one line: its attempts, their references, what the rail said',
  tags: ['bulk transfers'],
  access: may('bulk.read'),
  params: s.lineParams,
  response: { 200: s.story },
  refusals: ['BULK_NOT_FOUND', 'TRANSFER_NOT_FOUND'],
  handle: async ({ ctx, actor, params }) => {
    const bulk = await bulkOf(ctx, actor, params.id)
    const line = await q.findLine(ctx.db, bulk.id, params.transferId)
    if (line === undefined) throw new Refusal('TRANSFER_NOT_FOUND')
    const attempts = line.status === 'PENDING' ? [] : await attemptsOf(ctx.db, line)
    return { status: 200, body: storyView(line, attempts) }
  },
})

const resultsRoute = defineRoute({
  method: 'GET',
  path: '/api/bulk-transfers/:id/results.csv',
  operation_id: 'getBulkTransferResults',
  summary: 'Every line with its outcome, as CSV',
  tags: ['bulk transfers'],
  access: may('bulk.read'),
  params: s.bulkParams,
  query: z.object({ status: z.enum(lineStates).optional() }),
  response: { 200: { description: 'CSV, UTF-8', content: { 'text/csv': 'file' } } },
  refusals: ['BULK_NOT_FOUND'],
  handle: async ({ ctx, actor, params, query }) => {
    const bulk = await bulkOf(ctx, actor, params.id)
    return {
      status: 200,
      body: Readable.from(resultsCsv(ctx.db, bulk.id, query.status ?? null), { objectMode: false }),
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="${bulk.bulk_id}-results.csv"`,
      },
    }
  },
})

/** What only reads. */
export const readRoutes: readonly Route[] = [historyRoute, statusRoute, detailsRoute, lineRoute, resultsRoute]

type Page = {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly status?: LineState | undefined
}
async function statusWithLines(db: Db, bulk: Bulk, page: Page): Promise<s.StatusPage> {
  const after = Number(page.cursor ?? 0)
  const rows = await q.selectLines(db, bulk.id, { after, limit: page.limit + 1, status: page.status ?? null })
  const lines = rows.slice(0, page.limit)
  const next = rows.length > page.limit ? lines.at(-1)?.seq : undefined
  return {
    ...statusView(bulk),
    individualTransfers: lines.map(lineView),
    ...(next === undefined ? {} : { next_cursor: String(next) }),
  }
}

function nextLink(path: string, page: Page, cursor: string | undefined): { readonly link?: string } {
  if (cursor === undefined) return {}
  const query = new URLSearchParams({ limit: String(page.limit), cursor })
  if (page.status !== undefined) query.set('status', page.status)
  return { link: `</api/bulk-transfers/${path}?${query.toString()}>; rel="next"` }
}

/** A bare day is that day in UTC, from its start to its end. */
const startOf = (text: string): Date => new Date(Date.parse(text))
function endOf(text: string): Date {
  const end = startOf(text)
  if (text.length === 10) end.setUTCDate(end.getUTCDate() + 1)
  return end
}
