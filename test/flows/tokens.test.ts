import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { AUDIENCE } from '../../src/identity/token/access.ts'
import { verify, type KeyOf } from '../../src/identity/token/jws.ts'
import { signingKey, verifyingKeys } from '../../src/identity/token/keys.ts'
import { rotateSigningKey } from '../../src/identity/index.ts'
import { identityOf } from '../../src/wiring.ts'
import { BEHIND_PROXY, bearer, registerPerson, type Registered } from '../harness/people.ts'
import { openServer, SECRET_KEY, type TestServer } from '../harness/server.ts'

let server: TestServer
let person: Registered
let kid: string
let ours: KeyObject
beforeAll(async () => {
  server = await openServer({ env: BEHIND_PROXY, worker: false })
  person = await registerPerson(server)
  const identity = identityOf({ config: server.config, secret_key: SECRET_KEY })
  const key = await server.db.tx((tx) => signingKey(tx, identity))
  kid = key.kid
  ours = key.private_key
})
afterAll(() => server.stop())

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const decoded = (text: string | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(text ?? '', 'base64url').toString()) as Record<string, unknown>
const signed = (header: unknown, claims: unknown, key = ours): string => {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}
const hmac = (header: unknown, claims: unknown, key: string | Buffer): string => {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

/** The thumbprint of a public key (RFC 7638 §3), without the library that names ours. */
const kidOf = (raw: Buffer): string =>
  createHash('sha256')
    .update(`{"crv":"Ed25519","kty":"OKP","x":"${raw.toString('base64url')}"}`)
    .digest('base64url')

/** The order of the group of Ed25519 (RFC 8032 §5.1), added to S: a second signature for the same words, unless it is checked. */
function malleable(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order
  return Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
  ])
}

/** Sixty and more ways in which a token is not ours, each with its name. */
function mutants(genuine: string): Readonly<Record<string, string>> {
  const [h = '', p = '', s = ''] = genuine.split('.')
  const claims = decoded(p)
  const good = decoded(h)
  const now = Number(claims['iat'])
  const stranger = generateKeyPairSync('ed25519')
  const pem = createPublicKey(ours).export({ format: 'pem', type: 'spki' }).toString()
  const raw = Buffer.from(createPublicKey(ours).export({ format: 'jwk' }).x ?? '', 'base64url')
  const strangerRaw = Buffer.from(stranger.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const strangerJwk = stranger.publicKey.export({ format: 'jwk' })
  const signature = Buffer.from(s, 'base64url')
  const flipped = Buffer.from(signature)
  flipped[0] = (flipped[0] ?? 0) ^ 1
  const claim = (more: object): string => signed(good, { ...claims, ...more })
  const without = (name: string): string => {
    const { [name]: _gone, ...rest } = claims
    return signed(good, rest)
  }
  const header = (more: object, key = ours): string => signed({ ...good, ...more }, claims, key)
  return {
    'alg none, no signature': `${part({ ...good, alg: 'none' })}.${p}.`,
    'alg none, old signature': `${part({ ...good, alg: 'none' })}.${p}.${s}`,
    'alg None': `${part({ ...good, alg: 'None' })}.${p}.`,
    'alg NONE signed': header({ alg: 'NONE' }),
    'alg empty': header({ alg: '' }),
    'alg absent': signed({ typ: 'at+jwt', kid }, claims),
    'alg null': header({ alg: null }),
    'alg list': header({ alg: ['EdDSA'] }),
    'alg lower case': header({ alg: 'eddsa' }),
    'alg Ed25519': header({ alg: 'Ed25519' }),
    'alg HS256 with the public key as PEM': hmac({ ...good, alg: 'HS256' }, claims, pem),
    'alg HS256 with the raw public key': hmac({ ...good, alg: 'HS256' }, claims, raw),
    'alg HS256 with x': hmac({ ...good, alg: 'HS256' }, claims, raw.toString('base64url')),
    'alg HS256 with the kid': hmac({ ...good, alg: 'HS256' }, claims, kid),
    'alg EdDSA, HMAC inside': hmac(good, claims, raw),
    'alg RS256': header({ alg: 'RS256' }),
    'alg ES256': header({ alg: 'ES256' }),
    'typ JWT': header({ typ: 'JWT' }),
    'typ absent': signed({ alg: 'EdDSA', kid }, claims),
    'typ AT+JWT': header({ typ: 'AT+JWT' }),
    'typ application/at+jwt': header({ typ: 'application/at+jwt' }),
    'kid absent': signed({ alg: 'EdDSA', typ: 'at+jwt' }, claims),
    'kid of nobody': header({ kid: 'A'.repeat(43) }),
    'kid of a stranger who signs': signed({ ...good, kid: kidOf(strangerRaw) }, claims, stranger.privateKey),
    'kid ours, stranger signs': signed(good, claims, stranger.privateKey),
    'kid with SQL': header({ kid: "x' or '1'='1" }),
    'kid with a path': header({ kid: '../../../../dev/null' }),
    'kid a number': header({ kid: 7 }),
    'kid an object': header({ kid: { toString: kid } }),
    'jwk of a stranger': header({ jwk: strangerJwk }, stranger.privateKey),
    'jwk of a stranger, ours signs': header({ jwk: strangerJwk }),
    jku: header({ jku: 'http://127.0.0.1:9/jwks.json' }, stranger.privateKey),
    'jku, ours signs': header({ jku: 'http://127.0.0.1:9/jwks.json' }),
    x5u: header({ x5u: 'http://127.0.0.1:9/cert.pem' }),
    x5c: header({ x5c: ['AAAA'] }, stranger.privateKey),
    crit: header({ crit: ['exp'] }),
    'b64 false': header({ b64: false, crit: ['b64'] }),
    zip: header({ zip: 'DEF' }),
    cty: header({ cty: 'JWT' }),
    'header in another order': signed({ typ: 'at+jwt', alg: 'EdDSA', kid }, claims),
    'header with spaces': signed(JSON.stringify(good, undefined, 1), claims),
    'header with a member twice': signed(
      `{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      claims,
    ),
    'header no JSON': signed('{', claims),
    'header a list': signed([good], claims),
    'header null': signed('null', claims),
    'aud of others': claim({ aud: 'urn:cauri:console' }),
    'aud a list with ours': claim({ aud: [AUDIENCE, 'urn:other'] }),
    'aud absent': without('aud'),
    'iss of others': claim({ iss: 'https://evil.example' }),
    'iss absent': without('iss'),
    'iss with a slash': claim({ iss: `${String(claims['iss'])}/` }),
    'exp past': claim({ iat: now - 700, exp: now - 100 }),
    'exp absent': without('exp'),
    'exp far away': claim({ exp: now + 999_999_999 }),
    'exp a text': claim({ exp: String(claims['exp']) }),
    'exp a fraction': claim({ exp: now + 600.5 }),
    'iat in the future': claim({ iat: now + 3_600, exp: now + 4_200 }),
    'iat absent': without('iat'),
    'nbf in the future': claim({ nbf: now + 3_600 }),
    'nbf past, which we do not write': claim({ nbf: now - 1 }),
    'jti absent': without('jti'),
    'sub of somebody else': claim({ sub: '4' }),
    'sub a number': claim({ sub: Number(person.id) }),
    'sub absent': without('sub'),
    'sid of nobody': claim({ sid: `ses-${'0'.repeat(26)}` }),
    'sid absent': without('sid'),
    'role added': claim({ role: 'ADMIN' }),
    'payload altered, old signature': `${h}.${part({ ...claims, sub: '4' })}.${s}`,
    'payload no JSON': signed(good, '{'),
    'payload a list': signed(good, [claims]),
    'payload after a byte order mark': signed(good, `\u{feff}${JSON.stringify(claims)}`),
    'payload empty': `${h}..${s}`,
    'signature stripped': `${h}.${p}.`,
    'signature and dot stripped': `${h}.${p}`,
    'signature of zeros': `${h}.${p}.${Buffer.alloc(64).toString('base64url')}`,
    'signature with a bit flipped': `${h}.${p}.${flipped.toString('base64url')}`,
    'signature cut': `${h}.${p}.${signature.subarray(0, 63).toString('base64url')}`,
    'signature prolonged': `${h}.${p}.${Buffer.concat([signature, Buffer.from([0])]).toString('base64url')}`,
    'signature malleable': `${h}.${p}.${malleable(signature).toString('base64url')}`,
    'signature padded': `${genuine}==`,
    'signature with loose bits': `${genuine.slice(0, -1)}${nextLetter(genuine.at(-1))}`,
    'signature in plain base64': `${h}.${p}.${signature.toString('base64').replaceAll('+', '-')}=`,
    'garbage after it': `${genuine}.x`,
    'a fourth empty part': `${genuine}.`,
    'a letter after it': `${genuine}A`,
    'five parts': `${genuine}.a.b`,
    'a header padded': `${h}=.${p}.${s}`,
    'header of another token type': signed({ alg: 'EdDSA', typ: 'rt+jwt', kid }, claims),
    twice: `${genuine}${genuine}`,
    'too long': claim({ more: 'x'.repeat(3_000) }),
    'an opaque token': person.refresh,
    'nothing but dots': '..',
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** 64 bytes leave four bits of the last letter without meaning: a letter that differs in these only. */
const nextLetter = (letter = ''): string => ALPHABET.charAt(ALPHABET.indexOf(letter) ^ 1)

/** Every route that needs credentials, from the server's own description. */
async function closedRoutes(): Promise<{ method: string; path: string }[]> {
  const { body } = await server.call('GET', '/openapi.json')
  return Object.entries(body.paths as Record<string, Record<string, { security?: unknown }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security }]) => security !== undefined)
        .map(([method]) => ({ method: method.toUpperCase(), path: path.replace(/\{\w+\}/g, 'ses-x') })),
  )
}

test('every mutant of a token is refused by every route that needs credentials, and the token itself is not', async () => {
  const all = Object.entries(mutants(person.access))
  expect(all.length).toBeGreaterThanOrEqual(60)
  const routes = await closedRoutes()
  expect(routes.length).toBeGreaterThanOrEqual(90)
  const left = routes.flatMap((route) => all.map(([name, token]) => ({ ...route, name, token })))
  const refuse = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      const { method, path, name, token } = one
      const said = await server.call(method, path, undefined, { authorization: `Bearer ${token}` })
      const seen = [said.status, said.body.code, said.headers.get('www-authenticate')]
      expect([method, path, name, ...seen]).toEqual([
        method,
        path,
        name,
        401,
        'AUTHENTICATION_REQUIRED',
        'Bearer',
      ])
    }
  }
  process.stdout.write(`tokens: ${all.length} mutants, ${routes.length} routes, ${left.length} calls\n`)
  await Promise.all(Array.from({ length: 6 }, refuse))
  expect((await server.call('GET', '/api/auth/profile', undefined, bearer(person.access))).status).toBe(200)
  const same = signed({ alg: 'EdDSA', typ: 'at+jwt', kid }, decoded(person.access.split('.')[1]))
  expect(same).toBe(person.access)
}, 300_000)

test('a token is read in its one form before any key is looked for, and judged without the session too', async () => {
  const expected = {
    issuer: identityOf({ config: server.config, secret_key: SECRET_KEY }).issuer,
    audience: AUDIENCE,
  }
  const asked: string[] = []
  const keys = verifyingKeys(server.db)
  const keyOf: KeyOf = async (name) => {
    asked.push(name)
    return keys(name)
  }
  const taken: string[] = []
  for (const [name, token] of Object.entries(mutants(person.access)))
    if ((await verify(token, expected, keyOf)) !== undefined) taken.push(name)
  for (const name of asked) expect(name).toMatch(/^[A-Za-z0-9_-]{43}$/)
  // Ours in form, signature, issuer, audience and time: what they claim is for the schema and the session to refuse.
  const claimsAlone = /^(aud a list|exp (absent|far|a fraction)|iat|nbf past|jti|sub|sid|role)/
  expect(taken.filter((name) => !claimsAlone.test(name))).toEqual([])
  expect(await verify(person.access, expected, keyOf)).toMatchObject({ sub: String(person.id) })
})

test.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'Token x', 'Bearer ☃', 'bearer,'])(
  'an Authorization header that holds no token is refused: %j',
  async (authorization) => {
    const value = Buffer.from(authorization).toString('latin1')
    const said = await server.call('GET', '/api/auth/profile', undefined, { authorization: value })
    expect(said.status).toBe(401)
  },
)

test('without credentials nothing of a person answers, on loopback neither', async () => {
  for (const { method, path } of (await closedRoutes()).filter(({ path: one }) =>
    one.startsWith('/api/auth/'),
  ))
    expect([path, (await server.call(method, path)).status]).toEqual([path, 401])
})

test('the public keys verify a token, as another system of the house would', async () => {
  for (const path of ['/.well-known/jwks.json', '/api/auth/jwks/']) {
    const { status, body } = await server.call('GET', path)
    expect(status).toBe(200)
    expect(body.keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid })
    expect(Object.keys(body.keys[0]).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
    const keys = createLocalJWKSet(body as JSONWebKeySet)
    const { payload } = await jwtVerify(person.access, keys, { audience: AUDIENCE, typ: 'at+jwt' })
    expect(payload).toMatchObject({ aud: AUDIENCE, sub: String(person.id) })
  }
})

test('after a rotation new tokens have another key; old ones stay good to their end', async () => {
  const identity = identityOf({ config: server.config, secret_key: SECRET_KEY })
  const before = await registerPerson(server)
  const rotated = await server.db.tx((tx) => rotateSigningKey(tx, 'test', identity))
  expect(rotated).not.toBe(kid)
  const after = await registerPerson(server)
  expect(decoded(after.access.split('.')[0])['kid']).toBe(rotated)
  for (const { access } of [before, after])
    expect((await server.call('GET', '/api/auth/profile', undefined, bearer(access))).status).toBe(200)
  const keys = (await server.call('GET', '/.well-known/jwks.json')).body.keys as { kid: string }[]
  expect(keys.map((key) => key.kid).toSorted()).toEqual([kid, rotated].toSorted())
  await advanceClock(server.db, 3_601)
  const left = (await server.call('GET', '/.well-known/jwks.json')).body.keys as { kid: string }[]
  expect(left.map((key) => key.kid)).toEqual([rotated])
})

test('a private key stays sealed; another secret signs with another key, and what was signed stays good', async () => {
  const rows = await server.db.many<{ sealed: Buffer }>(
    sql`select sealed_private_key as sealed from identity_signing_keys`,
  )
  const pkcs8 = ours.export({ format: 'der', type: 'pkcs8' })
  for (const { sealed } of rows) expect(sealed.includes(pkcs8.subarray(16))).toBe(false)
  const now = await registerPerson(server)
  const other = identityOf({
    config: server.config,
    secret_key: 'another secret key, as long as it must be',
  })
  const { kid: theirs } = await server.db.tx((tx) => signingKey(tx, other))
  expect(theirs).not.toBe(decoded(now.access.split('.')[0])['kid'])
  expect((await server.call('GET', '/api/auth/profile', undefined, bearer(now.access))).status).toBe(200)
})

test('a key that is gone from the table verifies nothing from then on', async () => {
  const one = await registerPerson(server)
  const { kid: named } = decoded(one.access.split('.')[0])
  await server.db.run(
    sql`update identity_signing_keys set verify_until = cauri_now(), sign_until = cauri_now() - interval '1 second' where kid = ${named}`,
  )
  expect((await server.call('GET', '/api/auth/profile', undefined, bearer(one.access))).status).toBe(401)
})

test('a token claims no other session of the same person than its own, and no other person’s', async () => {
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const identity = identityOf({ config: server.config, secret_key: SECRET_KEY })
  const key = await server.db.tx((tx) => signingKey(tx, identity))
  const claims = decoded(one.access.split('.')[1])
  const { sid } = decoded(other.access.split('.')[1])
  const forged = signed(
    { alg: 'EdDSA', typ: 'at+jwt', kid: key.kid },
    { ...claims, sid, jti: randomUUID() },
    key.private_key,
  )
  expect((await server.call('GET', '/api/auth/profile', undefined, bearer(forged))).status).toBe(401)
})
