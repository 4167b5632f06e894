import { z } from 'zod'
import { hint, hintLine } from '../../payments/index.ts'
import type { Ctx } from '../../platform/context.ts'
import type { Db } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Language } from '../../platform/http/language.ts'
import { may } from '../../identity/index.ts'
import { defineRoute, taken, type Route } from '../../platform/http/route.ts'
import type { SseStream } from '../../platform/sse.ts'
import { isFinal, type Bulk } from '../batch.ts'
import type { BulkDeps, Progress } from '../deps.ts'
import * as q from '../sql.ts'
import { doneView, progressView } from '../view.ts'
import { bulkOf, makerOf } from './maker.ts'
import { bulkParams, progress } from './schemas.ts'

/** What follows a batch as it moves, and what a rail says of a transfer by itself. */
export const liveRoutes = (deps: BulkDeps): readonly Route[] => [
  streamRoute(deps),
  waitRoute(deps),
  notifyRoute(deps),
]

const streamRoute = (deps: BulkDeps): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/bulk-transfers/:id/stream',
    operation_id: 'streamBulkTransfer',
    summary: 'Live progress as server-sent events, until the batch is final',
    tags: ['bulk transfers'],
    access: may('bulk.read'),
    params: bulkParams,
    response: { 200: { description: 'event stream', content: { 'text/event-stream': 'file' } } },
    refusals: ['BULK_NOT_FOUND'],
    endless: true,
    handle: async ({ ctx, actor, params, language, openSse }) => {
      const bulk = await bulkOf(ctx, actor, params.id)
      stream(deps, openSse(), bulk, language)
      return taken
    },
  })

const waitRoute = (deps: BulkDeps): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/bulk-transfers/:id/wait',
    operation_id: 'waitForBulkTransfer',
    summary: 'Answers when the batch is final, or after the time given',
    tags: ['bulk transfers'],
    access: may('bulk.read'),
    params: bulkParams,
    query: z.object({ timeout: z.coerce.number().min(0).max(600).default(300).describe('seconds') }),
    response: { 200: progress },
    refusals: ['BULK_NOT_FOUND', 'WAIT_TIMED_OUT'],
    handle: async (input) => {
      const { ctx, actor, params, query } = input
      const bulk = await bulkOf(ctx, actor, params.id)
      const last = await waitFor(deps, bulk, query.timeout * 1_000, input.signal)
      if (!last.final) throw new Refusal('WAIT_TIMED_OUT', { members: last.progress })
      return { status: 200, body: last.progress }
    },
  })

const notifyRoute = (deps: BulkDeps): Route =>
  defineRoute({
    method: 'PUT',
    path: '/api/transfers/:transferId',
    operation_id: 'notifyTransfer',
    summary: 'The rail’s notification about a transfer: a hint that brings a question forward',
    tags: ['notifications'],
    access: may('transfers.notify'),
    lane: 'hint',
    params: z.object({ transferId: z.string().regex(/^[A-Za-z0-9@._+-]{1,128}$/) }),
    body: z.record(z.string(), z.unknown()),
    response: { 200: z.object({ transferId: z.string(), status: z.string() }) },
    refusals: ['TRANSFER_NOT_FOUND'],
    handle: async ({ ctx, actor, params }) => {
      const status = await notify(ctx, makerOf(actor).organization_id, params.transferId)
      if (status === undefined) throw new Refusal('TRANSFER_NOT_FOUND')
      deps.wake()
      return { status: 200, body: { transferId: params.transferId, status } }
    },
  })

const progressOf = (bulk: Bulk): Progress => ({
  progress: progressView(bulk),
  version: String(bulk.version),
  final: isFinal(bulk.state),
})

/** What a watch reads: one row however many streams look at it. */
export async function readProgress(db: Db, id: string): Promise<Progress | undefined> {
  const bulk = await q.findBulkById(db, BigInt(id))
  return bulk && progressOf(bulk)
}

/** The same for many rows in one query. */
export async function readManyProgress(
  db: Db,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Progress>> {
  const bulks = await q.findBulksById(db, ids.map(BigInt))
  return new Map(bulks.map((bulk) => [String(bulk.id), progressOf(bulk)]))
}

/** The state that was just read goes out at once; then what the watch sees, which is never older. */
function stream(deps: BulkDeps, sse: SseStream, bulk: Bulk, language: Language): void {
  let sent: Progress | undefined
  const show = (now: Progress | undefined): void => {
    if (now === undefined || (sent !== undefined && !isNews(now, sent))) return
    sent = now
    const event = { id: now.version, data: now.progress }
    if (!now.final) return sse.progress(event)
    sse.send(event)
    sse.end({ event: 'done', data: doneView(now.progress.state, language) })
  }
  const first = progressOf(bulk)
  show(first)
  if (!first.final) sse.onClose(deps.watch.watch(String(bulk.id), show))
}

/** A read that began before ours may end after it; a connection that stops changes the state and not the version. */
function isNews(now: Progress, sent: Progress): boolean {
  if (now.version !== sent.version) return BigInt(now.version) > BigInt(sent.version)
  return JSON.stringify(now) !== JSON.stringify(sent)
}

/** Resolves with the final state, or with the last one seen when the time is over or the caller has gone. */
function waitFor(deps: BulkDeps, bulk: Bulk, timeout_ms: number, signal: AbortSignal): Promise<Progress> {
  return new Promise((resolve) => {
    let last = progressOf(bulk)
    let stop = (): void => undefined
    const end = (): void => {
      clearTimeout(timer)
      stop()
      resolve(last)
    }
    const timer = setTimeout(end, timeout_ms)
    signal.addEventListener('abort', end, { once: true })
    if (last.final || signal.aborted) return end()
    stop = deps.watch.watch(String(bulk.id), (now) => {
      if (now === undefined) return
      last = now
      if (now.final) end()
    })
  })
}

/** By the rail's id, or by the customer's own where only one line can be meant. */
async function notify(ctx: Ctx, organization: bigint, id: string): Promise<string | undefined> {
  const pursued = await hint(ctx.db, id)
  if (pursued !== undefined) {
    const line = await q.findLineAt(ctx.db, pursued.batch_id, pursued.seq)
    return line?.organization_id === organization ? line.status : undefined
  }
  if (ctx.config.CAURI_MODE !== 'sandbox') return undefined
  const line = await q.findByTransferId(ctx.db, organization, id)
  if (line !== undefined) await hintLine(ctx.db, line)
  return line?.status
}
