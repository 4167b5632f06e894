import type { Server } from 'node:http'
import type { Clock } from '../clock.ts'
import type { DurableLog } from '../durable-log.ts'
import type { Faults } from '../faults.ts'
import { JSON_TYPE, openServer, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import type { Hub } from '../mojaloop/hub.ts'
import type { MtnMomo } from '../mtn-momo/server.ts'
import type { SmileId } from '../smile-id/server.ts'
import type { SmsProviders } from '../sms/providers.ts'
import { mergeSettings } from '../settings.ts'
import type { Settings } from '../settings.ts'
import type { Inbox } from './inbox.ts'
import { PAGE_HTML } from './page.ts'
import { listMtnPaid, listPaid, listWallets, paymentOf } from './paid.ts'
import { sendProblem } from './problem.ts'
import type { Prompts } from './prompts.ts'

/** What the control API shows and changes. */
export type Controlled = {
  readonly clock: Clock
  readonly log: () => DurableLog
  readonly hub: Hub
  readonly faults: Faults
  readonly inbox: Inbox
  readonly prompts: Prompts
  /** Served on this port too. */
  readonly sms: SmsProviders
  readonly smile_id: SmileId
  readonly mtn: MtnMomo
  readonly settings: () => Settings
  readonly setSettings: (settings: Settings, patch: unknown) => void
  /** Moves every clock of the sandbox; resolves when they all have moved. */
  readonly advance: (seconds: number) => Promise<void>
}

type Route = (controlled: Controlled, exchange: Exchange) => void | Promise<void>

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/_sim': { GET: (_controlled, exchange) => send(exchange.res, 200, 'text/html; charset=utf-8', PAGE_HTML) },
  '/_sim/inbox': { GET: getInbox },
  '/_sim/paid': { GET: getPaid },
  '/_sim/latest': {
    GET: ({ hub }, exchange) =>
      answer(exchange, 200, { payments: hub.paid.slice(-20).toReversed().map(paymentOf) }),
  },
  '/_sim/prompts': { GET: ({ prompts }, exchange) => answer(exchange, 200, { prompts: prompts.list() }) },
  '/_sim/smile-id': {
    GET: ({ smile_id }, exchange) => answer(exchange, 200, { jobs: smile_id.jobs() }),
  },
  '/_sim/settings': { GET: ({ settings }, exchange) => answer(exchange, 200, settings()), PUT: putSettings },
  '/_sim/faults': {
    GET: ({ faults }, exchange) => answer(exchange, 200, { faults: faults.list() }),
    POST: postFault,
    DELETE: ({ faults }, exchange) => answer(exchange, 200, { removed: faults.remove() }),
  },
  '/_sim/clock': {
    GET: ({ clock }, exchange) => answer(exchange, 200, clockView(clock)),
    POST: postClock,
  },
  '/_sim/wallets': {
    GET: ({ hub }, exchange) =>
      answer(exchange, 200, {
        wallets: listWallets(hub.paid, parameters(exchange).get('party') ?? undefined),
      }),
  },
}

/** The control API of the sandbox's outside world (loopback only). */
export function openControl(controlled: Controlled): Server {
  return openServer(
    (exchange) => serve(controlled, exchange),
    (res, error) =>
      send(
        res,
        500,
        'application/problem+json',
        JSON.stringify({
          type: 'about:blank',
          title: 'Something broke on our side',
          status: 500,
          detail: error.message,
        }),
      ),
  )
}

function serve(controlled: Controlled, exchange: Exchange): void | Promise<void> {
  const { sms, smile_id, mtn } = controlled
  if (sms.serve(exchange) || smile_id.serve(exchange) || mtn.serve(exchange)) return
  const path = exchange.path === '/' ? '/_sim' : exchange.path.replace(/\/$/, '')
  const methods = routes[path]
  if (methods !== undefined) {
    const route = methods[exchange.method]
    if (route !== undefined) return route(controlled, exchange)
    return sendProblem(
      exchange,
      'METHOD_NOT_ALLOWED',
      `${exchange.method} is not possible on ${path}; possible: ${Object.keys(methods).join(', ')}`,
    )
  }
  const prompt = /^\/_sim\/prompts\/([^/]+)$/.exec(path)?.[1]
  if (prompt !== undefined && exchange.method === 'POST') return postPrompt(controlled, exchange, prompt)
  const fault = /^\/_sim\/faults\/(\d+)$/.exec(path)?.[1]
  if (fault !== undefined && exchange.method === 'DELETE')
    return deleteFault(controlled, exchange, Number(fault))
  sendProblem(exchange, 'NOT_FOUND', `no such path: ${path}; there are ${Object.keys(routes).join(', ')}`)
}

const answer = (exchange: Exchange, status: number, body: unknown): void =>
  send(exchange.res, status, JSON_TYPE, JSON.stringify(body))

const parameters = (exchange: Exchange): URLSearchParams => new URLSearchParams(exchange.query)

const clockView = (clock: Clock): { now: string; offset_s: number } => ({
  now: new Date(clock.now()).toISOString(),
  offset_s: clock.offset_ms() / 1000,
})

/** Reads a JSON object; answers the refusal itself when there is none. */
function readObject(exchange: Exchange): Record<string, unknown> | undefined {
  let value: unknown
  try {
    value = JSON.parse(exchange.body.toString())
  } catch (error) {
    const why = error instanceof Error ? error.message : 'not JSON'
    sendProblem(exchange, 'BAD_REQUEST', `the body is not JSON: ${why}`)
    return undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  sendProblem(exchange, 'BAD_REQUEST', 'the body must be a JSON object')
  return undefined
}

/** Refuses parameters that do not exist, so that a typing error is not read as «everything». */
function readFilter(exchange: Exchange, known: readonly string[]): Record<string, string> | undefined {
  const filter: Record<string, string> = {}
  for (const [name, value] of parameters(exchange)) {
    if (!known.includes(name)) {
      sendProblem(exchange, 'VALIDATION_FAILED', `unknown parameter ${name}; there are ${known.join(', ')}`)
      return undefined
    }
    if (value !== '') filter[name] = value
  }
  return filter
}

function getInbox({ inbox }: Controlled, exchange: Exchange): void {
  const filter = readFilter(exchange, ['to', 'kind'])
  if (filter !== undefined) answer(exchange, 200, { messages: inbox.list(filter) })
}

function getPaid({ hub, mtn }: Controlled, exchange: Exchange): void {
  const filter = readFilter(exchange, ['rail', 'since', 'reference'])
  if (filter === undefined) return
  const page = filter['rail'] === 'mtn-momo' ? listMtnPaid(mtn.paid(), filter) : listPaid(hub.paid, filter)
  if (typeof page === 'string') sendProblem(exchange, 'VALIDATION_FAILED', page)
  else answer(exchange, 200, page)
}

function putSettings(controlled: Controlled, exchange: Exchange): void {
  const patch = readObject(exchange)
  if (patch === undefined) return
  const merged = mergeSettings(controlled.settings(), patch)
  if ('faults' in merged) {
    const detail = merged.faults.map((fault) => `${fault.pointer}: ${fault.detail}`).join('; ')
    return sendProblem(exchange, 'VALIDATION_FAILED', detail, merged.faults)
  }
  controlled.setSettings(merged.settings, patch)
  answer(exchange, 200, merged.settings)
}

function postFault({ faults }: Controlled, exchange: Exchange): void {
  const input = readObject(exchange)
  if (input === undefined) return
  const added = faults.add(input)
  if ('fault' in added) return answer(exchange, 201, added.fault)
  const detail = added.faults.map((fault) => `${fault.pointer}: ${fault.detail}`).join('; ')
  sendProblem(exchange, 'VALIDATION_FAILED', detail, added.faults)
}

function deleteFault({ faults }: Controlled, exchange: Exchange, id: number): void {
  if (faults.remove(id) > 0) return answer(exchange, 200, { removed: 1 })
  sendProblem(exchange, 'NOT_FOUND', `no fault ${id}`)
}

async function postClock(controlled: Controlled, exchange: Exchange): Promise<void> {
  const input = readObject(exchange)
  if (input === undefined) return
  const seconds = input['advance_s']
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > 10 * 365 * 86_400)
    return sendProblem(
      exchange,
      'VALIDATION_FAILED',
      'advance_s must be a number of seconds above 0 and of ten years at most; time does not run back',
    )
  await controlled.advance(seconds)
  answer(exchange, 200, clockView(controlled.clock))
}

function postPrompt({ prompts }: Controlled, exchange: Exchange, id: string): void {
  const input = readObject(exchange)
  if (input === undefined) return
  const outcome = prompts.answer(id, input['action'])
  if (outcome === 'unknown-action')
    return sendProblem(exchange, 'VALIDATION_FAILED', 'action must be approve, reject or expire')
  if (outcome === 'unknown-prompt') return sendProblem(exchange, 'NOT_FOUND', `no prompt ${id}`)
  if (outcome === 'already-answered')
    return sendProblem(exchange, 'BAD_REQUEST', `prompt ${id} has been answered already`)
  answer(exchange, 200, outcome)
}
