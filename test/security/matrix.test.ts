import { afterAll, beforeAll, expect, test } from 'vitest'
import { matrix, type Rule } from '../../src/identity/index.ts'
import { foreignBatch } from '../harness/foreign.ts'
import { standardCsv } from '../harness/multipart.ts'
import { BEHIND_PROXY } from '../harness/people.ts'
import { openServer, PAYER, type Answer, type TestServer } from '../harness/server.ts'
import { openCallers, type Caller } from './callers.ts'
import { openObjects, type Objects } from './objects.ts'
import { describedRoutes, filled, type Described } from './routes.ts'

let server: TestServer
let routes: readonly Described[]
let callers: readonly Caller[]
let objects: Objects
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
  routes = await describedRoutes(server)
  callers = await openCallers(server)
  const own = await server.upload(standardCsv(3, 100))
  objects = await openObjects(server, {
    batch: { own: own.body.bulkTransferId, foreign: await foreignBatch(server) },
    account: PAYER,
  })
}, 60_000)
afterAll(() => server.stop())

const rules: Readonly<Record<string, Rule>> = matrix

type Verdict = 'AUTHENTICATION_REQUIRED' | 'NOT_ALLOWED' | 'allowed'

/** What the matrix says; the product must say the same. */
function verdictOf(rule: Rule, caller: Caller): Verdict {
  if (rule.of === 'open') return 'allowed'
  if (caller.kind === 'stranger') return 'AUTHENTICATION_REQUIRED'
  if (caller.kind === 'demo')
    return rule.of === 'organization' && rule.demo ? 'allowed' : 'AUTHENTICATION_REQUIRED'
  if (caller.kind === 'key') return rule.of === 'organization' && rule.key ? 'allowed' : 'NOT_ALLOWED'
  const roles: readonly string[] = rule.of === 'organization' ? caller.member : caller.roles
  return rule.roles.some((role) => roles.includes(role)) ? 'allowed' : 'NOT_ALLOWED'
}

/** Whether what is the owner's is foreign to him. */
const isOfOther = (caller: Caller): boolean => 'organization' in caller && caller.organization === 'other'

/** A member that no body has: where the caller is let in, the call ends there, without an effect. */
const NO_SUCH_MEMBER = { x_no_such_member: true }

type Said = { readonly status: number; readonly code: string | undefined }

/** Asks and leaves: a stream does not end by itself, and an answer that is no problem document says enough by its status. */
async function call(
  route: Described,
  caller: Caller,
  params: Readonly<Record<string, string>>,
): Promise<Said> {
  const leaving = new AbortController()
  const answer = await fetch(`${server.base}${filled(route.path, params)}?timeout=0`, {
    method: route.method,
    signal: leaving.signal,
    headers: {
      ...caller.headers,
      ...(route.json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(route.json === undefined ? {} : { body: JSON.stringify(NO_SUCH_MEMBER) }),
  })
  const problem = /problem\+json/.test(answer.headers.get('content-type') ?? '')
  const body = problem ? ((await answer.json()) as { code: string }) : undefined
  leaving.abort()
  return { status: answer.status, code: body?.code }
}

test('every route carries a row of the matrix, and every row has routes or waits for its capability', () => {
  for (const { operation, action } of routes)
    expect([operation, action === 'system' || rules[action] !== undefined]).toEqual([operation, true])
})

test('every cell: each route answers each caller as the matrix says, and no cell leaks', async () => {
  let cells = 0
  for (const route of routes.filter(({ action }) => action !== 'system')) {
    const rule = rules[route.action]
    if (rule === undefined) throw new Error(route.action)
    const ids = objects.of(route)
    // Who ends his own sign-in is somebody new, so that the cells that follow are about whom they name.
    const all = route.operation === 'endSession' ? await openCallers(server) : callers
    for (const caller of all) {
      const want = verdictOf(rule, caller)
      // Who is let in asks for what does not exist, unless he only reads: nothing is changed by this test.
      const params = want === 'allowed' && route.method !== 'GET' ? ids.unknown : ids.own
      const said = await call(route, caller, params)
      const got = said.status === 401 || said.code === 'NOT_ALLOWED' ? said.code : 'allowed'
      expect([route.operation, caller.name, got]).toEqual([route.operation, caller.name, want])
      if (want !== 'allowed') expect(said.status).toBe(want === 'NOT_ALLOWED' ? 403 : 401)
      cells++
    }
  }
  process.stdout.write(
    `matrix: ${routes.length} routes, ${callers.length} callers, ${cells} cells, 0 leaks\n`,
  )
}, 180_000)

test('another’s object answers as one that does not exist, in the same words, whoever asks', async () => {
  let asked = 0
  for (const route of routes.filter(({ params }) => params.length > 0)) {
    const rule = rules[route.action]
    const ids = objects.of(route)
    if (rule === undefined || ids.foreign === undefined) continue
    for (const caller of callers.filter(
      (one) => verdictOf(rule, one) === 'allowed' && !ids.see_all.includes(one.name),
    )) {
      const body = route.json && bodyOf(ids.body ?? {}, route.json)
      const ask = async (params: Readonly<Record<string, string>>): Promise<unknown> =>
        wordsOf(await server.call(route.method, filled(route.path, params), body, caller.headers), params)
      const not_his = isOfOther(caller) ? ids.own : ids.foreign
      const [foreign, unknown] = [await ask(not_his), await ask(ids.unknown)]
      expect([route.operation, caller.name, foreign]).toEqual([
        route.operation,
        caller.name,
        expect.objectContaining({ status: 404 }),
      ])
      expect(foreign).toEqual(unknown)
      asked++
    }
  }
  expect(asked).toBeGreaterThan(20)
})

/** Of what the rows of a path may be sent, what this route takes. */
const bodyOf = (body: object, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(body).filter(([name]) => names.includes(name)))

/** What an answer says, but for the names that the caller gave himself. */
function wordsOf({ status, text }: Answer, params: Readonly<Record<string, string>>): object {
  let words = text.replace(/"request_id":"[^"]*"/, '')
  for (const given of Object.values(params)) words = words.replaceAll(given, '…')
  return { status, words }
}

test('what is his own a caller finds: the cells above are about objects that exist', async () => {
  let found = 0
  for (const route of routes.filter((one) => one.method === 'GET' && one.params.length > 0)) {
    const rule = rules[route.action]
    const ids = objects.of(route)
    if (rule?.of !== 'organization' || ids.foreign === undefined || route.operation.startsWith('wait'))
      continue
    for (const caller of callers.filter((one) => verdictOf(rule, one) === 'allowed' && !isOfOther(one))) {
      const { status } = await call(route, caller, ids.own)
      // Who waits for a batch that nobody pays is told so far.
      const fine = route.operation.startsWith('wait') ? 408 : 200
      expect([route.operation, caller.name, status]).toEqual([route.operation, caller.name, fine])
      found++
    }
  }
  expect(found).toBeGreaterThan(20)
})
