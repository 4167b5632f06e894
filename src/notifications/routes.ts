import { z } from 'zod'
import { may } from '../identity/index.ts'
import type { Actor } from '../platform/context.ts'
import { Refusal } from '../platform/errors.ts'
import { defineRoute, type Route } from '../platform/http/route.ts'
import { countUnread, listInApp, markAllRead, markRead, type InApp } from './in-app.ts'
import { newsKinds } from './kinds.ts'

const common = { tags: ['notifications'], access: may('notifications.read') } as const

const notification = z
  .object({
    id: z.int(),
    kind: z.enum(newsKinds),
    title: z.string(),
    text: z.string(),
    at: z.iso.datetime(),
    read_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Notification' })

const view = ({ id, at, read_at, ...same }: InApp): z.output<typeof notification> => ({
  ...same,
  id: Number(id),
  at: at.toISOString(),
  read_at: read_at?.toISOString() ?? null,
})

const id = z.string().regex(/^[1-9]\d{0,14}$/)

function readerOf(actor: Actor): bigint {
  if (actor.kind !== 'person') throw new Refusal('AUTHENTICATION_REQUIRED')
  return actor.person_id
}

const listRoute = defineRoute({
  ...common,
  method: 'GET',
  path: '/api/notifications',
  operation_id: 'listNotifications',
  summary: 'What this person was told in the application, newest first, and how much is unread',
  query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50), cursor: id.optional() }),
  response: {
    200: z.object({
      unread: z.int(),
      notifications: z.array(notification),
      next_cursor: z.string().optional(),
    }),
  },
  refusals: [],
  handle: async ({ ctx, actor, query: { limit, cursor } }) => {
    const person = readerOf(actor)
    const before = cursor === undefined ? {} : { before: BigInt(cursor) }
    const rows = await listInApp(ctx.db, person, { ...before, limit: limit + 1 })
    const page = rows.slice(0, limit)
    const next = rows.length > limit ? page.at(-1)?.id.toString() : undefined
    const body = { unread: await countUnread(ctx.db, person), notifications: page.map(view) }
    if (next === undefined) return { status: 200, body }
    const link = `</api/notifications?limit=${limit}&cursor=${next}>; rel="next"`
    return { status: 200, body: { ...body, next_cursor: next }, headers: { link } }
  },
})

const readRoute = defineRoute({
  ...common,
  method: 'POST',
  path: '/api/notifications/:id/read',
  operation_id: 'markNotificationRead',
  summary: 'Mark one as read; done twice it stays so',
  params: z.object({ id }),
  response: { 200: z.object({ unread: z.int() }) },
  refusals: ['NOTIFICATION_NOT_FOUND'],
  handle: async ({ ctx, actor, params }) => {
    const person = readerOf(actor)
    if (!(await ctx.db.tx((tx) => markRead(tx, person, BigInt(params.id)))))
      throw new Refusal('NOTIFICATION_NOT_FOUND')
    return { status: 200, body: { unread: await countUnread(ctx.db, person) } }
  },
})

const readAllRoute = defineRoute({
  ...common,
  method: 'POST',
  path: '/api/notifications/read',
  operation_id: 'markNotificationsRead',
  summary: 'Mark all as read',
  body: z.strictObject({}),
  response: { 200: z.object({ unread: z.int() }) },
  refusals: [],
  handle: async ({ ctx, actor }) => {
    const person = readerOf(actor)
    await ctx.db.tx((tx) => markAllRead(tx, person))
    return { status: 200, body: { unread: await countUnread(ctx.db, person) } }
  },
})

/** What a person reads after signing in. */
export const notificationRoutes: readonly Route[] = [listRoute, readRoute, readAllRoute]
