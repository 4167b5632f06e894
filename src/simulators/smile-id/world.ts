import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { SmileIdStrike } from './fault-kinds.ts'
import type { Jobs, Plan } from './jobs.ts'

/** What both versions need. */
export type SmileIdWorld = { readonly clock: Clock; readonly faults: Faults; readonly jobs: Jobs }

/** How a job that came under a fault will go on. */
export const planOf = (strike: SmileIdStrike | undefined): Plan => {
  switch (strike?.kind) {
    case 'pending_forever':
      return 'never'
    case 'provisional_first':
      return 'provisional'
    case 'callback_before_response':
      return 'called_first'
    default:
      return 'usual'
  }
}

export type Json = Readonly<Record<string, unknown>>

export function readObject(body: Buffer | string | undefined): Json | undefined {
  try {
    const value: unknown = JSON.parse(String(body ?? ''))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined // refused as the provider does
  }
}

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
