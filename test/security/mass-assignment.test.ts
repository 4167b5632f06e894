import { afterAll, beforeAll, expect, test } from 'vitest'
import { matrix, type Rule } from '../../src/identity/index.ts'
import { openDb, sql, type Db } from '../../src/platform/db.ts'
import { multipart } from '../harness/multipart.ts'
import { BEHIND_PROXY, elsewhere } from '../harness/people.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { openCallers, type Caller } from './callers.ts'
import { describedRoutes, filled, type Described } from './routes.ts'

let server: TestServer
let owner: Db
let routes: readonly Described[]
let callers: readonly Caller[]
let columns: readonly string[]
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
  owner = openDb({ url: server.database.ownerUrl, max: 1 })
  routes = await describedRoutes(server)
  callers = await openCallers(server)
  columns = (
    await owner.many<{ name: string }>(sql`
      select distinct column_name as name from information_schema.columns
      where table_schema = 'public' order by 1`)
  ).map(({ name }) => name)
}, 60_000)
afterAll(async () => {
  await owner.end()
  await server.stop()
})

/** A hash of all rows of each table. */
async function rowsHashed(): Promise<Readonly<Record<string, string>>> {
  const tables = await owner.many<{ name: string }>(sql`
    select relname as name from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`)
  const hashes: Record<string, string> = {}
  for (const { name } of tables) {
    const text = `select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as hash from ${name} t`
    hashes[name] = (await owner.one<{ hash: string }>({ text, values: [] })).hash
  }
  return hashes
}

/** Somebody whom the matrix lets call it: what is refused then is the body. */
function allowed(route: Described): Readonly<Record<string, string>> {
  const rules: Readonly<Record<string, Rule>> = matrix
  const rule = rules[route.action]
  if (rule === undefined || rule.of === 'open') return elsewhere()
  const may = (one: Caller): boolean => {
    if (one.kind === 'demo') return rule.of === 'organization' && rule.demo
    if (one.kind !== 'person') return false
    const roles: readonly string[] = rule.of === 'organization' ? one.member : one.roles
    return rule.roles.some((role) => roles.includes(role))
  }
  const caller = callers.find(may)
  if (caller === undefined) throw new Error(`nobody may ${route.action}`)
  return caller.headers
}

const pathOf = (route: Described): string =>
  filled(route.path, Object.fromEntries(route.params.map((name) => [name, '1'])))

/** A notification is a hint: nothing of its body is read, or not before its signature; so nothing of it is refused. */
const READS_NO_BODY: Readonly<Record<string, number>> = { notifyTransfer: 404, receiveSmileIdCallback: 403 }

test('a body with the name of any column that is not its own member is refused, and no row changes', async () => {
  const json = routes.filter((route) => route.json !== undefined)
  expect(json.length).toBeGreaterThan(12)
  expect(columns.length).toBeGreaterThan(150)
  const before = await rowsHashed()
  for (const route of json) {
    const own = route.json ?? []
    const foreign = columns.filter((name) => !own.includes(name))
    const said = await server.call(
      route.method,
      pathOf(route),
      Object.fromEntries(foreign.map((name) => [name, '1'])),
      { ...allowed(route), 'accept-language': 'en' },
    )
    const hint = READS_NO_BODY[route.operation]
    if (hint !== undefined) {
      expect([route.operation, said.status]).toEqual([route.operation, hint])
      continue
    }
    expect([route.operation, said.status, said.body.code]).toEqual([
      route.operation,
      400,
      'VALIDATION_FAILED',
    ])
    const named = JSON.stringify(said.body.errors)
    const passed = foreign.filter((name) => !named.includes(`"${name}"`) && !named.includes(`\\"${name}\\"`))
    expect([route.operation, passed]).toEqual([route.operation, []])
  }
  expect(await rowsHashed()).toEqual(before)
}, 60_000)

test('so is a form with such a part', async () => {
  const forms = routes.filter((route) => route.form !== undefined)
  expect(forms.length).toBeGreaterThan(0)
  const before = await rowsHashed()
  for (const route of forms)
    for (const name of columns.filter((one) => !(route.form ?? []).includes(one))) {
      const form = multipart([{ name, value: '1' }])
      const said = await fetch(server.base + pathOf(route), {
        method: route.method,
        headers: { ...form.headers, ...allowed(route) },
        body: form.body,
      })
      const { code } = (await said.json()) as { code: string }
      expect([route.operation, name, said.status, code]).toEqual([
        route.operation,
        name,
        400,
        'VALIDATION_FAILED',
      ])
    }
  expect(await rowsHashed()).toEqual(before)
}, 60_000)
