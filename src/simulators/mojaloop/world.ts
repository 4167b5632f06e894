import type { Clock } from '../clock.ts'
import type { DurableLog } from '../durable-log.ts'
import type { Faults } from '../faults.ts'
import type { MojaloopSettings } from '../settings.ts'
import type { Hub } from './hub.ts'
import type { Models } from './models.ts'

/** What every part of the simulated scheme shares. */
export type World = {
  readonly clock: Clock
  readonly log: () => DurableLog
  readonly hub: Hub
  readonly models: Models
  readonly faults: Faults
  readonly settings: () => MojaloopSettings
}

/** Sends the answer of one call: HTTP status, body, content type (JSON when absent). Runs at most once. */
export type Reply = (status: number, body: string, type?: string) => void

/** Runs `next` after a delay on the sandbox's clock, or at once when there is none. */
export function pause(world: World, delay_ms: number, next: () => void): void {
  if (delay_ms <= 0) next()
  else world.clock.after(delay_ms, next)
}

export const timeoutMs = (world: World): number => world.settings().timeout_s * 1000
