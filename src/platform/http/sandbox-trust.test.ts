import { expect, test } from 'vitest'
import { isTrustedSandboxCall } from './sandbox-trust.ts'

type Request = Parameters<typeof isTrustedSandboxCall>[0]
const sandbox = { CAURI_MODE: 'sandbox', CAURI_SANDBOX_TRUST: 'on' } as const

const call = (headers: Record<string, string> = {}, peer = '127.0.0.1', url = '/api/accounts'): Request =>
  ({
    headers: { host: 'localhost:8000', ...headers },
    socket: { remoteAddress: peer },
    routeOptions: { url },
  }) as unknown as Request

test.each([
  ['from loopback', call()],
  ['from loopback over IPv6', call({ host: '[::1]:8000' }, '::1')],
  ['from loopback as IPv6 shows it', call({ host: '127.0.0.1' }, '::ffff:127.0.0.1')],
  ['from a page of this machine', call({ origin: 'http://localhost:5173' })],
  ['on a bulk route', call({}, '127.0.0.1', '/api/bulk-transfers/:id/stream')],
  ['on the collection itself', call({}, '127.0.0.1', '/api/bulk-transfers')],
  ['on the notification route', call({}, '127.0.0.1', '/api/transfers/:transferId')],
])('trusted in sandbox: a call %s', (_case, request) => {
  expect(isTrustedSandboxCall(request, sandbox)).toBe(true)
})

test.each([
  ['from another machine', call({}, '10.0.0.9')],
  ['from a peer that only looks like loopback', call({}, '127.0.0.1.evil')],
  ['without a peer', call({}, '')],
  ['by a name that a page can rebind', call({ host: 'evil.example' })],
  ['by a name that begins like loopback', call({ host: '127.0.0.1.evil.example' })],
  ['by localhost as a user name', call({ host: 'localhost@evil.example' })],
  ['without a Host', call({ host: '' })],
  ['behind a proxy (Forwarded)', call({ forwarded: 'for=1.2.3.4' })],
  ['behind a proxy (X-Forwarded-For)', call({ 'x-forwarded-for': '127.0.0.1' })],
  ['behind a proxy (X-Forwarded-Host)', call({ 'x-forwarded-host': 'localhost' })],
  ['behind a proxy (X-Forwarded-Proto, empty)', call({ 'x-forwarded-proto': '' })],
  ['behind a proxy (Via)', call({ via: '1.1 nginx' })],
  ['from a page of another site', call({ origin: 'https://evil.example' })],
  ['from a sandboxed frame', call({ origin: 'null' })],
  ['from a page whose name begins like ours', call({ origin: 'http://localhost.evil.example' })],
  ['with credentials', call({ authorization: 'Bearer x' })],
  ['with empty credentials', call({ authorization: '' })],
  ['on another route', call({}, '127.0.0.1', '/api/review-items')],
  ['on another route of the core', call({}, '127.0.0.1', '/api/core/jobs')],
  ['on a route that only begins alike', call({}, '127.0.0.1', '/api/accounts-export')],
  ['on transfers without an id', call({}, '127.0.0.1', '/api/transfers')],
])('not trusted: a call %s', (_case, request) => {
  expect(isTrustedSandboxCall(request, sandbox)).toBe(false)
})

test('never trusted in production, nor when the sandbox is told not to', () => {
  expect(isTrustedSandboxCall(call(), { ...sandbox, CAURI_MODE: 'production' })).toBe(false)
  expect(isTrustedSandboxCall(call(), { ...sandbox, CAURI_SANDBOX_TRUST: 'off' })).toBe(false)
})
