import { apiRoutes } from '../../src/api.ts'
import { readProgress } from '../../src/bulk/index.ts'
import type { Actor } from '../../src/platform/context.ts'
import type { Db } from '../../src/platform/db.ts'
import type { Route } from '../../src/platform/http/route.ts'
import { buildServer } from '../../src/platform/http/server.ts'
import { noPressure } from '../../src/platform/pressure.ts'
import { openWatch } from '../../src/platform/watch.ts'
import { filesOf } from '../../src/providers.ts'
import { identityOf, kycOf } from '../../src/wiring.ts'
import { memberRoles } from '../../src/identity/index.ts'
import { multipart, standardCsv } from '../harness/multipart.ts'
import type { Furnished } from './furnish.ts'
import { answerOf, SECRET_KEY, type Answer, type TestServer } from '../harness/server.ts'

/** Somebody's rows, by the names of the parameters of paths. */
export type Whose = Furnished & {
  readonly organization: string
  readonly batch: string
  readonly account_id: string
  readonly transferId: string
}

export type Holed = {
  /** Every route of an organisation. */
  readonly routes: readonly Route[]
  readonly call: (route: Route, whose: Whose) => Promise<Answer>
  readonly close: () => Promise<void>
}

/**
 * A server whose first net has a hole: its callers act for the organisation `caller`, and every handler believes that they act
 * for `believed`, as if each query asked for the wrong one. What the statements may see, `calls` narrowed to the caller decides.
 */
export async function openHoled(
  server: TestServer,
  { caller, believed, calls }: { readonly caller: bigint; readonly believed: Believed; readonly calls: Db },
): Promise<Holed> {
  const { ctx } = server.app
  const secrets = { config: ctx.config, secret_key: SECRET_KEY }
  const files = filesOf(ctx.config)
  const watch = openWatch({ read: (id) => readProgress(ctx.db, id), log: ctx.log })
  const routes = apiRoutes(ctx, {
    watch,
    own_origins: () => [],
    page_origins: () => [],
    wake: () => undefined,
    pressure: noPressure,
    identity: identityOf(secrets),
    kyc: kycOf(secrets, { files, has_provider: false }),
    provider: undefined,
  }).filter(({ access }) => access.of === 'organization')
  const built = await buildServer({
    ctx,
    calls,
    routes: routes.map((route) => ({ ...route, handle: believing(route, believed) })),
    authorize: () => Promise.resolve({ kind: 'organization', organization_id: caller, name: 'caller' }),
  })
  const base = await built.listen({ host: '127.0.0.1', port: 0 })
  return {
    routes,
    call: (route, whose) => ask(base, route, whose),
    close: () =>
      built
        .close()
        .then(watch.close)
        .then(() => files.close()),
  }
}

type Believed = { readonly organization_id: bigint; readonly person_id: bigint }

function believing({ handle }: Route, believed: Believed): Route['handle'] {
  const actor: Actor = { kind: 'organization', ...believed, name: 'believed', roles: memberRoles }
  return (input) => handle(Object.assign({}, input, { actor }))
}

/** What it asks for besides does not matter: whose rows they are is looked at first. */
async function ask(base: string, { method, path, body }: Route, whose: Whose): Promise<Answer> {
  const given = namesIn(path, whose)
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => given[name] ?? '1')
  const url = base + filled + (path.endsWith('/wait') ? '?timeout=1' : '')
  if (method === 'GET') return read(url)
  if (body === 'stream') {
    const file = { name: 'file', value: standardCsv(1, 700), filename: 'list.csv' }
    const form = multipart([{ name: 'payer_account', value: whose.account_id }, file])
    return answerOf(await fetch(url, { method, headers: form.headers, body: form.body }))
  }
  const sent = bodies.find(([of]) => of.test(`${method} ${path}`))?.[1] ?? {}
  const headers = { 'content-type': 'application/json' }
  return answerOf(await fetch(url, { method, headers, body: JSON.stringify(sent) }))
}

/** What these write would be the first row of the other organisation. */
export const MAKES_A_ROW = new Set(['createApiKey', 'createServiceAccount', 'proposeSettings'])

/** What each parameter of this path stands for. */
function namesIn(path: string, whose: Whose): Readonly<Record<string, string>> {
  const { key, service_account, organization, batch, top_up, member, invitation, proposal } = whose
  const id = path.startsWith('/api/api-keys')
    ? key
    : path.startsWith('/api/service-accounts')
      ? service_account
      : path.startsWith('/api/organizations')
        ? organization
        : path.includes('/top-ups/')
          ? top_up
          : batch
  const { account_id, transferId } = whose
  return { id, account_id, transferId, person_id: member, invitation_id: invitation, proposal_id: proposal }
}

/** Bodies that the schemas let through. */
const bodies: readonly (readonly [of: RegExp, body: object])[] = [
  [/\/top-ups$/, { amount: 100, reference: 'holed' }],
  [/\/(approve|reject)$/, { list_hash: 'x', reason: 'x' }],
  [/POST \/api\/api-keys$/, { service_account: 'trou', scopes: ['bulk.read'] }],
  [/POST \/api\/service-accounts$/, { name: 'trou' }],
  [/PATCH \/api\/organizations\/:id$/, { approval_over: 5 }],
  [/PATCH .*\/members\//, { roles: ['SUPERVISEUR'] }],
  [/\/invitations$/, { phone_number: '+237699000001', roles: ['SUPERVISEUR'] }],
]

/** Of an event stream, its first words. */
async function read(url: string): Promise<Answer> {
  const response = await fetch(url)
  const { status, headers } = response
  if (!/event-stream/.test(headers.get('content-type') ?? '')) return answerOf(response)
  const stream = response.body?.getReader()
  const first = await stream?.read()
  await stream?.cancel()
  return { status, headers, body: {}, text: new TextDecoder().decode(first?.value) }
}
