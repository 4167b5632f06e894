import { describe, expect, test } from 'vitest'
import { checkPublicUrl, isPublicAddress } from './ssrf.ts'

const production = { production: true, allow_loopback: false }
const sandbox = { production: false, allow_loopback: true }

/** Every spelling of an inside address that the literature on SSRF knows, and what is simply not a usable URL. */
const inside = `
  127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7f.1 017700000001 0177.0.0.1 0x7f.0x0.0x0.0x1
  127.0.0.1. 127.0.0.1:8443 %31%32%37.0.0.1 ①②⑦.⓪.⓪.① １２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1
  0 0.0.0.0 0x0 00000000000 0.1.2.3 255.255.255.255 4294967295 224.0.0.1 240.0.0.1
  10.0.0.1 10.255.255.255 012.0.0.1 167772161 0xa000001 172.16.0.1 172.31.255.255
  192.168.0.1 192.168.1.254 3232235521 0xc0a80001 0300.0250.0.1 192.0.0.1 192.0.0.192
  169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.170.2 168.63.129.16
  100.64.0.1 100.100.100.200 100.127.255.255 198.18.0.1 198.19.255.255 192.88.99.1
  192.0.2.1 198.51.100.7 203.0.113.9
  [::1] [::] [0:0:0:0:0:0:0:1] [0000::1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1]
  [::ffff:10.0.0.1] [::ffff:169.254.169.254] [::ffff:0:127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1]
  [::ffff:8.8.8.8] [64:ff9b::7f00:1] [64:ff9b::8.8.8.8] [64:ff9b:1::1] [2002:7f00:1::]
  [2002:a00:1::1] [2002:c0a8:1::] [2001::1] [2001:0:7f00:1::] [2001:db8::1] [3fff::1]
  [fe80::1] [febf::1] [fec0::1] [fc00::1] [fd00:ec2::254] [fdff::1] [ff02::1] [100::1]
  [5f00::1] [4000::1] [fe80::1%25eth0] [::1]:8443
  localhost LOCALHOST localhost. a.localhost x.y.localhost. printer intranet db
  host.local metadata.google.internal metadata.google.internal. router.lan nas.home.arpa
  user@example.com user:pw@example.com :@127.0.0.1 example.com@127.0.0.1 example.com:80@127.0.0.1
  example.com:22 example.com:25 example.com:6379 example.com:8080 example.com:0 example.com:99999
  . .. example..com example.com.. example.com\\@127.0.0.1 256.1.1.1 1.2.3.4.5 [::1 []`
  .trim()
  .split(/\s+/)
  .map((host) => `https://${host}/hook`)
const schemes = [
  ...`http://example.com/ ftp://example.com/ file:///etc/passwd gopher://example.com/ data:text/plain,x
    javascript:alert(1) ws://example.com/ unix:/var/run/docker.sock //example.com/ example.com https: https://
    dict://localhost:11211/ blob:https://a.b/c`.split(/\s+/),
  '',
  'https://exa mple.com/',
  'https://example.com/\t',
  'https://example.com/\n127.0.0.1',
  `https://example.com/${'x'.repeat(2048)}`,
]

describe('a customer’s URL in production', () => {
  test(`${inside.length + schemes.length} forms that lead inside, or nowhere, are refused`, () => {
    const accepted = [...inside, ...schemes].filter((text) => checkPublicUrl(text, production) instanceof URL)
    expect(accepted).toEqual([])
    expect(inside.length + schemes.length).toBeGreaterThan(100)
  })

  test('public names and addresses pass, with their path and query', () => {
    const good = [
      'https://example.com/hook?x=1',
      'https://example.com:443/',
      'https://example.com:8443/',
      'https://caf%C3%A9.example.com/',
      'https://8.8.8.8/',
      'https://172.32.0.1/',
      'https://[2606:4700::1111]/',
      'HTTPS://EXAMPLE.COM/',
    ]
    expect(good.filter((text) => !(checkPublicUrl(text, production) instanceof URL))).toEqual([])
  })

  test('a refusal is said in both languages', () => {
    expect(checkPublicUrl('http://example.com/', production)).toEqual({
      en: 'Only https:// is accepted',
      fr: 'Seul https:// est accepté',
    })
  })
})

test('the sandbox calls this machine, and still no other private address', () => {
  for (const text of ['http://127.0.0.1:9000/x', 'http://localhost:9000/', 'http://[::1]:9000/'])
    expect(checkPublicUrl(text, sandbox)).toBeInstanceOf(URL)
  for (const text of [
    'http://10.0.0.1/',
    'http://169.254.169.254/',
    'http://localhost:22/',
    'http://[::ffff:127.0.0.1]/',
  ])
    expect(checkPublicUrl(text, sandbox)).not.toBeInstanceOf(URL)
})

test('what is not an address is not public', () => {
  for (const text of ['', 'example.com', '127.1', '::1%lo', '0x7f000001'])
    expect(isPublicAddress(text, true)).toBe(false)
})
