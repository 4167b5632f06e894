import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Exchange } from '../http.ts'
import type { MtnSettings } from '../settings.ts'
import type { MtnPayments } from './payments.ts'
import type { Answer } from './strike.ts'

/** What the parts of the simulated MTN MoMo share. */
export type MtnWorld = {
  readonly clock: Clock
  readonly faults: Faults
  readonly settings: () => MtnSettings
  readonly payments: MtnPayments
  /** Until when each token is good. They do not outlive the process: the client asks for another. */
  readonly tokens: Map<string, number>
}

/** What the simulated gateway takes: any product's subscription key is this one. */
export const MTN_SANDBOX = {
  subscription_key: 'sandbox',
  api_user: '00000000-0000-4000-8000-000000000001',
  api_key: 'sandbox',
} as const

export const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

export const empty = (status: number): Answer => ({ status, body: undefined })
export const error = (status: number, code: string, message = code): Answer => ({
  status,
  body: { code, message },
})

/** A header that stands there once; '' without it. */
export const header = ({ headers }: Exchange, name: string): string => {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

/** Undefined for what is no JSON. */
export function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}
