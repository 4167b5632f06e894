import type { Identity } from '../../src/identity/index.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import type { Db } from '../../src/platform/db.ts'
import {
  elsewhere,
  giveCodes,
  newcomer,
  nobody,
  otherThan,
  signIn,
  type Codes,
  type Somebody,
} from './people.ts'

export type Request = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, string>>
}

/** Two requests whose answers must tell nothing: one about what is, one about what is not. */
export type Pair = { readonly known: Request; readonly unknown: Request }

export type Scene = {
  readonly db: Db
  readonly identity: Identity
  readonly codes: Codes
}

/** How the two answers begin. */
export type Tells = { readonly known: string; readonly unknown: string }

export type Surface = {
  readonly what: string
  /** Pairs that go on side by side. */
  readonly at_once: number
  /** The answers tell, and the contract says so: these two and no others. */
  readonly tells?: Tells
  /** One pair for each of these people; `from` numbers the first. */
  readonly pairsOf: (scene: Scene, people: readonly Somebody[], from: number) => Promise<readonly Pair[]>
}

export const surfaceNames = ['login', 'register', 'request', 'confirm', 'code', 'verify', 'resend'] as const
export type SurfaceName = (typeof surfaceNames)[number]

const post = (path: string, body: Request['body'], headers: Request['headers'] = elsewhere()): Request => ({
  path: `/api/auth/${path}`,
  headers,
  body,
})

/** Neither names anybody but who is signed in: that a stranger writes a number must change nothing. */
const byStranger = (path: string, more: Request['body']): Surface => ({
  what: `${path} by a stranger who writes a phone that somebody has, and one that nobody has`,
  at_once: 1,
  pairsOf: async (_, people, from) =>
    people.map(({ phone_number }, i) => ({
      known: post(path, { ...more, phone_number }),
      unknown: post(path, { ...more, phone_number: nobody(from + i) }),
    })),
})

/** More than an hour: limits of an hour begin again, codes of before are too old. */
const HOUR_S = 3_601

export const surfaces: Readonly<Record<SurfaceName, Surface>> = {
  login: {
    what: 'sign-in with a wrong password: a phone that somebody has, and one that nobody has',
    at_once: 1,
    pairsOf: async (_, people, from) => {
      const body = (phone_number: string) => ({ phone_number, password: 'papaye mûre 8 du port' })
      return people.map(({ phone_number }, i) => ({
        known: post('login', body(phone_number)),
        unknown: post('login', body(nobody(from + i))),
      }))
    },
  },
  register: {
    what: 'a registration: of a phone that somebody has, and of one that nobody has',
    at_once: 1,
    tells: { known: '409', unknown: '201' },
    pairsOf: async (_, people, from) => {
      const named = { first_name: 'Awa', last_name: 'Diop', role: 'BUYER' }
      const password = 'goyave rose 9 du quai'
      const body = (phone_number: string) => ({
        ...named,
        phone_number,
        password,
        password_confirmation: password,
      })
      return people.map(({ phone_number }, i) => ({
        known: post('register', body(phone_number)),
        unknown: post('register', body(newcomer(from + i))),
      }))
    },
  },
  request: {
    what: 'a reset is asked for: a phone that somebody has, and one that nobody has',
    at_once: 1,
    pairsOf: async (_, people, from) =>
      people.map(({ phone_number }, i) => ({
        known: post('password-reset/request', { phone_number }),
        unknown: post('password-reset/request', { phone_number: nobody(from + i) }),
      })),
  },
  confirm: {
    what: 'a wrong reset code: of somebody who was sent one, and of nobody',
    // Each answer is held back for 400 ms: three side by side keep both cores free enough not to be what is timed.
    at_once: 3,
    pairsOf: async ({ db, identity, codes }, people, from) => {
      await advanceClock(db, HOUR_S)
      await giveCodes(db, identity, { people, purpose: 'RESET_PASSWORD' })
      const new_password = 'goyave rose 9 du quai'
      const answer = (phone_number: string, reset_code: string): Request =>
        post('password-reset/confirm', { phone_number, reset_code, new_password })
      return people.map(({ id, phone_number }, i) => {
        const wrong = otherThan(codes.get(id) ?? '', 0)
        return { known: answer(phone_number, wrong), unknown: answer(nobody(from + i), wrong) }
      })
    },
  },
  code: {
    what: 'a wrong code for the own phone: five digits of it right, and none',
    at_once: 1,
    pairsOf: async ({ db, identity, codes }, people) => {
      await advanceClock(db, HOUR_S)
      await giveCodes(db, identity, { people, purpose: 'VERIFY_PHONE' })
      const headers = await signIn(db, identity, people)
      return people.map(({ id }, i) => {
        const code = codes.get(id) ?? ''
        const guess = (verification_code: string): Request =>
          post('verify-phone', { verification_code }, { ...headers[i], ...elsewhere() })
        return { known: guess(otherThan(code, 5)), unknown: guess(otherThan(code, 0)) }
      })
    },
  },
  verify: byStranger('verify-phone', { verification_code: '123456' }),
  resend: byStranger('resend-verification', {}),
}
