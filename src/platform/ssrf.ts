import { BlockList, isIP } from 'node:net'

/** Why a URL that a customer gave cannot be called. */
export type UrlFault = { readonly en: string; readonly fr: string }

export type UrlRules = {
  /** https only, and the ports 443 and 8443 only. */
  readonly production: boolean
  /** The sandbox calls services of this machine. */
  readonly allow_loopback: boolean
}

/** IANA's special-purpose IPv4 registry, multicast, the reserved block, and Azure's host address. */
const V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** What is not public inside 2000::/3: protocol assignments with Teredo, documentation, 6to4. */
const V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const listOf = (family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', bits] = subnet.split('/')
    list.addSubnet(net, Number(bits), family)
  }
  return list
}
const private4 = listOf('ipv4', V4)
const private6 = listOf('ipv6', V6)
const global6 = listOf('ipv6', ['2000::/3'])
const loopback4 = listOf('ipv4', ['127.0.0.0/8'])

/**
 * Whether an address may be connected to on behalf of a customer. In IPv6 only global unicast passes, so mapped,
 * NAT64, unique local, link-local and loopback addresses do not; 6to4 and Teredo carry an IPv4 one inside.
 */
export function isPublicAddress(address: string, allow_loopback: boolean): boolean {
  const family = isIP(address)
  if (family === 4)
    return (allow_loopback && loopback4.check(address, 'ipv4')) || !private4.check(address, 'ipv4')
  if (family !== 6) return false
  if (allow_loopback && address === '::1') return true
  return global6.check(address, 'ipv6') && !private6.check(address, 'ipv6')
}

const faults = {
  not_a_url: { en: 'It is not an absolute URL', fr: 'Ce n’est pas une URL absolue' },
  too_long: { en: 'It is longer than 2048 characters', fr: 'Elle dépasse 2048 caractères' },
  scheme: { en: 'Only https:// is accepted', fr: 'Seul https:// est accepté' },
  scheme_sandbox: {
    en: 'Only http:// and https:// are accepted',
    fr: 'Seuls http:// et https:// sont acceptés',
  },
  credentials: {
    en: 'It must not hold a user name or password',
    fr: 'Elle ne doit contenir ni identifiant ni mot de passe',
  },
  port: { en: 'This port is not accepted', fr: 'Ce port n’est pas accepté' },
  private: { en: 'It leads to a private address', fr: 'Elle mène à une adresse privée' },
} as const satisfies Record<string, UrlFault>

/** Names that never lead outside (RFC 6761, 6762, 8375, and `.internal` of ICANN). */
const INSIDE = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa)$/

/**
 * Reads a URL that a customer gave, before it is kept: answers the URL, or why not. What its name resolves to is
 * checked at each connection (`guardedConnect`), since a DNS answer may change.
 */
export function checkPublicUrl(text: string, { production, allow_loopback }: UrlRules): URL | UrlFault {
  if (text.length > 2048) return faults.too_long
  const url = URL.parse(text)
  if (url === null || /[\s\\]/.test(text)) return faults.not_a_url
  if (url.protocol !== 'https:' && (production || url.protocol !== 'http:'))
    return production ? faults.scheme : faults.scheme_sandbox
  if (url.username !== '' || url.password !== '') return faults.credentials
  if (!isAllowedPort(url.port, production)) return faults.port
  const name = hostOf(url)
  if (isIP(name)) return isPublicAddress(name, allow_loopback) ? url : faults.private
  if (allow_loopback && name === 'localhost') return url
  const has_labels = /^[^.]+(\.[^.]+)+$/.test(name) // one word is a name of the local network
  return has_labels && !INSIDE.test(name) ? url : faults.private
}

/** The name or address of a URL: no brackets, no root dot. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')

function isAllowedPort(port: string, production: boolean): boolean {
  if (port === '') return true
  if (production) return port === '8443'
  return port === '80' || port === '443' || Number(port) >= 1024
}
