import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { freshDatabase } from './database.ts'
import { atEnd } from './ends.ts'
import { readConfig } from '../../src/platform/config.ts'
import type { Actor, Ctx } from '../../src/platform/context.ts'
import { CommitUnknown, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import { openLog } from '../../src/platform/log.ts'
import { accessTo, openTo } from '../../src/platform/http/access.ts'
import { strictMode } from '../../src/platform/http/problem.ts'
import { defineRoute, taken, type Route } from '../../src/platform/http/route.ts'
import { isTrustedSandboxCall } from '../../src/platform/http/sandbox-trust.ts'
import { buildServer, type ServerOptions } from '../../src/platform/http/server.ts'

const one = z.object({ id: z.string() })
export const common = { tags: ['test'], access: openTo('test'), refusals: [] } as const

const routes: readonly Route[] = [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/things',
    summary: 'Makes a thing',
    access: accessTo('test', 'organization'),
    query: z.object({ limit: z.coerce.number().int().max(200).optional() }),
    body: z.object({ amount: z.int().positive(), note: z.string().max(5).optional() }),
    response: { 201: z.object({ amount: z.int(), by: z.string() }) },
    handle: async ({ body, actor }) => ({
      status: 201,
      body: { amount: body.amount, by: actor.kind === 'organization' ? actor.name : '' },
      headers: { location: '/api/things/1' },
    }),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/things/:id',
    summary: 'Reads a thing',
    params: one,
    response: { 200: one, 404: one },
    refusals: ['BULK_NOT_FOUND', 'INSUFFICIENT_FUNDS'],
    handle: async ({ params }) => fail(params.id) ?? { status: 200, body: params },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/accounts/:id/statement',
    summary: 'CSV or JSON',
    access: accessTo('test', 'organization'),
    response: { 200: { description: 'rows', content: { 'text/csv': 'file' } } },
    handle: async () => ({ status: 200, body: Readable.from(['a,b\n', '1,2\n']) }),
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/uploads',
    summary: 'Counts the bytes of a file',
    access: accessTo('test', 'organization'),
    body: 'stream',
    form: { required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
    response: { 201: z.object({ bytes: z.int() }) },
    refusals: ['FILE_TOO_LARGE'],
    handle: async ({ request }) => {
      let bytes = 0
      for await (const part of request.parts()) {
        if (part.type !== 'file') continue
        for await (const chunk of part.file) {
          bytes += Buffer.isBuffer(chunk) ? chunk.length : 0
          if (bytes > 3_000_000) throw new Refusal('FILE_TOO_LARGE')
        }
      }
      return { status: 201, body: { bytes } }
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/stream',
    summary: 'Events until the end',
    response: { 200: { description: 'events', content: { 'text/event-stream': 'file' } } },
    endless: true,
    handle: async ({ openSse }) => {
      openSse().send({ data: { state: 'PENDING' }, id: '1' })
      return taken
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/api/wait',
    summary: 'Waits until the server stops or the client leaves',
    response: { 200: z.object({ aborted: z.boolean() }) },
    handle: async ({ signal }) => {
      waits.begun += 1
      if (!signal.aborted) await once(signal, 'abort')
      return { status: 200, body: { aborted: signal.aborted } }
    },
  }),
]

function fail(id: string): undefined {
  if (id === 'bug') throw new TypeError('secret of the house')
  if (id === 'commit') throw new CommitUnknown(new Error('gone'))
  if (id === 'refused')
    throw new Refusal('INSUFFICIENT_FUNDS', {
      detail: { en: '5 needed', fr: '5 nécessaires' },
      members: { available: 1, needed: 5 },
      errors: [{ pointer: '/rows/2/amount', detail: 'x', line: 2, column: 'amount' }],
    })
  if (id === 'undeclared') throw new Refusal('SAME_LIST')
  return undefined
}

const authorize =
  (ctx: Ctx): ServerOptions['authorize'] =>
  async (request): Promise<Actor> => {
    if (request.headers.authorization === 'Bearer good' || isTrustedSandboxCall(request, ctx.config))
      return { kind: 'organization', organization_id: 1n, name: 'Caisse' }
    throw new Refusal('AUTHENTICATION_REQUIRED')
  }

/** How often the handler of `/api/wait` has begun. */
export const waits = { begun: 0 }
let opened: Promise<Db> | undefined
/** One database for all the servers of a test file. */
const database = (): Promise<Db> => {
  opened ??= freshDatabase().then(({ db }) => db)
  atEnd(() => (opened = undefined))
  return opened
}

/** A server with the routes above, on a free port; `lines` is its log. Closed at the end of the file. */
export async function start(
  env: NodeJS.ProcessEnv = {},
  more: Partial<ServerOptions> = {},
): Promise<{ url: string; app: FastifyInstance; lines: string[] }> {
  strictMode.on = true
  const db = await database()
  const lines: string[] = []
  const log = openLog('info', { write: (line) => void lines.push(line) })
  const ctx: Ctx = { db, log, config: readConfig(env) }
  const app = await buildServer({ ctx, routes, authorize: authorize(ctx), ...more })
  atEnd(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, app, lines }
}

export const production = {
  CAURI_MODE: 'production',
  DATABASE_URL: 'postgres://x',
  PUBLIC_URL: 'https://pay.example',
  SECRET_KEY: 's'.repeat(32),
  FIELD_ENCRYPTION_KEY: 'f'.repeat(32),
}
export const good = { authorization: 'Bearer good' }
export const json = { ...good, 'content-type': 'application/json' }

export type Body = Record<string, unknown>
export async function ask(url: string, init: RequestInit = {}): Promise<{ response: Response; body: Body }> {
  const response = await fetch(url, init)
  return { response, body: (await response.json()) as Body }
}

/** Sends bytes as they are and reads until the server closes or `until` matches. */
export async function raw(url: string, bytes: string | string[], ends = /\r\n\r\n[^]*\}/): Promise<string> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  for (const part of [bytes].flat()) socket.write(part)
  let text = ''
  socket.setTimeout(15_000, () => socket.destroy())
  for await (const chunk of socket) {
    text += String(chunk)
    if (ends.test(text)) break
  }
  socket.destroy()
  return text
}
