import { stepAt, totpAt } from '../../src/identity/totp.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql } from '../../src/platform/db.ts'
import { bearer, elsewhere, PASSWORD } from './people.ts'
import type { Answer, TestServer } from './server.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
export function unbase32(text: string): Buffer {
  const bits = Array.from(text)
    .map((one) => ALPHABET.indexOf(one).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)))
}

/** What the app shows, so many steps from now. */
export async function shown(server: TestServer, secret: Buffer, steps = 0): Promise<string> {
  const { at_s } = await server.db.one<{ at_s: number }>(
    sql`select extract(epoch from cauri_now())::float8 as at_s`,
  )
  return totpAt(secret, stepAt(at_s) + steps)
}

/** Goes on to a step of which no code was used: the clock that is ahead stays so. */
export async function freshCode(server: TestServer, secret: Buffer): Promise<string> {
  await advanceClock(server.db, 90)
  return shown(server, secret)
}

export type Protected = { readonly secret: Buffer; readonly recovery: readonly string[] }

/** Sets a second factor up for who signs with this access token. */
export async function protect(server: TestServer, access: string, password = PASSWORD): Promise<Protected> {
  const post = (path: string, body: object): Promise<Answer> =>
    server.call('POST', `/api/auth/second-factor/${path}`, body, { ...bearer(access), ...elsewhere() })
  const setup = await post('setup', { password })
  if (setup.status !== 200) throw new Error(`no second factor: ${setup.text}`)
  const secret = unbase32(setup.body.secret)
  const confirmed = await post('confirm', { otp: await shown(server, secret) })
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${confirmed.text}`)
  return { secret, recovery: confirmed.body.recovery_codes }
}
