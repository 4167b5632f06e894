import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from '../../src/platform/db.ts'
import { newMember, newOrganization } from '../harness/members.ts'
import { BEHIND_PROXY, bearer, elsewhere, PASSWORD } from '../harness/people.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

const lines: string[] = []
let server: TestServer
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, log: (line) => void lines.push(line) })
})
afterAll(() => server.stop())

test('no key, invitation, ticket, cookie, number or address comes into the log or the trail', async () => {
  const organization = await newOrganization(server)
  const treasurer = await newMember(server, organization, ['TRESORIER', 'DEVELOPPEUR'])
  const call = (method: string, path: string, body?: object, headers = treasurer.headers) =>
    server.call(method, path, body, headers)
  const canaries = ['671230044', 'canary-invited@example.com']

  const made = await call('POST', '/api/api-keys', { service_account: 'paie', scopes: ['accounts.read'] })
  const rotated = await call('POST', `/api/api-keys/${made.body.id}/rotate`, { grace_s: 60 })
  const [first, second]: string[] = [made.body.secret, rotated.body.secret]
  for (const secret of [first, second, `${first}x`]) {
    await call('GET', '/api/accounts', undefined, { ...bearer(secret ?? ''), ...elsewhere() })
    await server.call('GET', `/api/accounts?ticket=${secret}`, undefined, elsewhere())
  }
  canaries.push(...[first ?? '', second ?? ''].map((secret) => secret.split('_')[3] ?? secret))

  const invitations = `/api/organizations/${organization.id}/invitations`
  const roles = ['SUPERVISEUR']
  expect((await call('POST', invitations, { phone_number: '+237671230044', roles })).status).toBe(201)
  const invited = await call('POST', invitations, { email: 'canary-invited@example.com', roles })
  expect(invited.status).toBe(201)
  const token = await until('the invitation', async () => {
    const { body } = await server.call('GET', '/_sim/inbox?kind=mail&to=canary-invited@example.com')
    return /#(\S+)/.exec((body.messages as { text: string }[])[0]?.text ?? '')?.[1]
  })
  canaries.push(token)
  expect((await call('POST', '/api/auth/invitations/accept', { token })).status).toBe(400)

  const { ticket } = (await call('POST', '/api/auth/stream-ticket')).body
  await server.call('GET', `/api/bulk-transfers/bulk-x/stream?ticket=${ticket}`, undefined, elsewhere())
  const signed_in = { phone_number: treasurer.phone, password: PASSWORD }
  const begun = await server.call('POST', '/api/auth/session', signed_in, elsewhere())
  const cookie = (begun.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  expect([begun.status, cookie.length > 40]).toEqual([200, true])
  await server.call('GET', '/api/auth/profile', undefined, { cookie, ...elsewhere() })
  canaries.push(ticket, cookie.split('=')[1] ?? '', treasurer.phone.slice(4))

  expect(lines.length).toBeGreaterThan(20)
  const trail = JSON.stringify(
    await server.db.many(sql`select actor, action, subject, before, after, detail from audit_events`),
    (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  )
  const log = lines.join('\n')
  const told = canaries.filter((one) => one.length < 6 || log.includes(one) || trail.includes(one))
  expect(told).toEqual([])
})
