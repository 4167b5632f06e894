import { expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { callerAddress } from './caller-address.ts'

const from = (remoteAddress: string, forwarded?: string, trusted?: readonly string[]): string =>
  callerAddress(
    {
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
      socket: { remoteAddress } as never,
    },
    trusted,
  )

test('without trusted proxies the peer is the caller, whatever the request says', () => {
  expect(from('196.200.1.7')).toBe('196.200.1.7')
  expect(from('::ffff:196.200.1.7', '1.2.3.4')).toBe('196.200.1.7')
  expect(from('127.0.0.1', '1.2.3.4', [])).toBe('127.0.0.1')
})

test('behind a trusted proxy the caller is the last address that no trusted proxy has', () => {
  const trusted = ['10.0.0.0/8', '2001:db8::/32', '127.0.0.1']
  expect(from('10.0.0.1', '196.200.1.7', trusted)).toBe('196.200.1.7')
  expect(from('::ffff:10.0.0.1', '1.1.1.1, 196.200.1.7, 10.0.0.2', trusted)).toBe('196.200.1.7')
  expect(from('2001:db8::1', '2a00::7', trusted)).toBe('2a00::7')
  expect(from('196.200.1.7', '1.1.1.1', trusted)).toBe('196.200.1.7')
  expect(from('10.0.0.1', undefined, trusted)).toBe('10.0.0.1')
  expect(from('10.0.0.1', 'unknown, 10.0.0.2', trusted)).toBe('10.0.0.2')
  expect(from('10.0.0.1', '196.200.1.7, nonsense', trusted)).toBe('10.0.0.1')
})

test.each(['proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0', '2001:db8::/129', '10.0.0.0/x'])(
  'a list that names no address or network is refused at start: %s',
  (TRUSTED_PROXIES) => {
    expect(() => readConfig({ TRUSTED_PROXIES })).toThrow('TRUSTED_PROXIES')
    expect(
      readConfig({ TRUSTED_PROXIES: '10.0.0.0/8,2001:db8::/32 127.0.0.1' }).TRUSTED_PROXIES,
    ).toHaveLength(3)
  },
)
