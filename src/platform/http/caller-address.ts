import { BlockList, isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** The addresses and networks (`10.0.0.0/8`) of a list; the configuration has refused what is neither. */
function networksOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** Whether an address is one of these addresses and networks, as `10.0.0.0/8` or `2001:db8::/32`. What is no address is none. */
export const isAmong = (address: string, entries: readonly string[]): boolean => {
  const one = plain(address)
  return isIP(one) !== 0 && networksOf(entries).check(one, isIP(one) === 6 ? 'ipv6' : 'ipv4')
}

const plain = (address: string): string => address.trim().replace(/^::ffff:(?=\d+\.)/, '')

/**
 * The address that a request comes from: the peer's, or, where the peer is one of the trusted proxies, the last address of
 * X-Forwarded-For that is not one of them. What stands before that one anybody could have written.
 */
export function callerAddress(
  request: Pick<FastifyRequest, 'headers' | 'socket'>,
  trusted_proxies: readonly string[] | undefined,
): string {
  const peer = plain(request.socket.remoteAddress ?? '')
  if (trusted_proxies === undefined || trusted_proxies.length === 0) return peer
  const trusted = networksOf(trusted_proxies)
  const isTrusted = (address: string): boolean =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
  let caller = peer
  for (const hop of forwarded.map(plain).toReversed()) {
    if (!isTrusted(caller) || isIP(hop) === 0) return caller
    caller = hop
  }
  return caller
}
