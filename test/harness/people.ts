import { sql, type Reader } from '../../src/platform/db.ts'
import type { Answer, TestServer } from './server.ts'
import { until } from './wait.ts'

/** What a test server needs so that each caller can have an address of its own: limits by address do not mix tests. */
export const BEHIND_PROXY = { TRUSTED_PROXIES: '127.0.0.1' }

export const PASSWORD = 'mangue verte 7 du marché'

let last_phone = 71_000_000
/** A number that no other test of this file has. */
export const newPhone = (): string => `+2376${(last_phone += 1)}`

/** An address that no other test of this file has, as a proxy names it. */
export function elsewhere(): Readonly<Record<string, string>> {
  last_address++
  return { 'x-forwarded-for': `10.${last_address >> 16}.${(last_address >> 8) & 255}.${last_address & 255}` }
}
let last_address = 0

export const bearer = (access: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${access}`,
})

export const registration = (more: object = {}): Record<string, unknown> => ({
  phone_number: newPhone(),
  first_name: 'Amina',
  last_name: 'Nkeng',
  password: PASSWORD,
  password_confirmation: PASSWORD,
  role: 'BUYER',
  ...more,
})

export type Registered = {
  readonly id: bigint
  readonly phone: string
  readonly access: string
  readonly refresh: string
}

/** Registers somebody new over HTTP. */
export async function registerPerson(server: TestServer, more: object = {}): Promise<Registered> {
  const said = await server.call('POST', '/api/auth/register', registration(more), elsewhere())
  if (said.status !== 201) throw new Error(`not registered: ${said.status} ${said.text}`)
  const { user, access, refresh } = said.body
  return { id: BigInt(user.id), phone: user.phone_number, access, refresh }
}

export const signIn = (
  server: TestServer,
  body: object,
  headers: Readonly<Record<string, string>> = elsewhere(),
): Promise<Answer> => server.call('POST', '/api/auth/login', body, headers)

/** The newest code that waits to be sent to that phone; undefined when there is none. Nothing sends in these tests. */
export async function sentCode(
  db: Reader,
  phone: string,
  kind: 'phone_code' | 'password_reset' = 'phone_code',
): Promise<string | undefined> {
  const row = await db.maybeOne<{ text: string }>(sql`
    select text from notifications_messages
    where kind = ${kind} and destination = ${phone} and text is not null order by id desc limit 1`)
  return /\b\d{6}\b/.exec(row?.text ?? '')?.[0]
}

/** The code in the n-th SMS (from 1) to that phone, as the simulated phone shows it. */
export const receivedCode = (server: TestServer, phone: string, n = 1): Promise<string> =>
  until(`SMS ${n} to ${phone}`, async () => {
    const said = await server.call('GET', `/_sim/inbox?kind=sms&to=${encodeURIComponent(phone)}`)
    const messages: readonly { readonly text: string }[] = said.body.messages
    return /\b\d{6}\b/.exec(messages.toReversed()[n - 1]?.text ?? '')?.[0]
  })

/** Another code of six digits. */
export const otherThan = (code: string | undefined): string => (code === '123456' ? '654321' : '123456')

/**
 * How many guesses may have been judged of many that were made at once: five, and one more after one second, after three,
 * after seven … where the machine was so slow.
 */
export const judgedWithin = (elapsed_ms: number): number => 5 + Math.floor(Math.log2(elapsed_ms / 1_000 + 1))

/** The four people of the demo data. */
export const DEMO_PHONES = {
  BUYER: '+237670123456',
  SELLER: '+237698765432',
  ARBITRE: '+237655555555',
  ADMIN: '+237600000000',
} as const

/** Signs a demo person in; answers his headers. */
export async function demoPerson(
  server: TestServer,
  role: keyof typeof DEMO_PHONES,
): Promise<Readonly<Record<string, string>>> {
  const said = await signIn(server, { phone_number: DEMO_PHONES[role], password: 'TestPassword123!' }, {})
  if (said.status !== 200) throw new Error(`not signed in: ${said.status} ${said.text}`)
  return bearer(said.body.access)
}
