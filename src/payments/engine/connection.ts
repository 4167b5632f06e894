import type { PayoutRail } from '../../connectors/index.ts'

/** Everything about a connection that is a duration or a limit. All delays are data, so that tests set fractions. */
export type ConnectionSettings = {
  /** Row id in payments_connections, and the name of the float: `mojaloop`. */
  readonly id: string
  readonly lease_ms: number
  /** Longest wait for one answer. */
  readonly timeout_ms: number
  /** How long a quote lives at the rail: nobody asks about a transfer that may still wait for acceptance. */
  readonly expiry_ms: number
  /** The rail's own delay before «not found» means anything. */
  readonly not_found_after_ms: number
  /** Pauses between queries about an uncertain line; the last one repeats. */
  readonly query_delays_ms: readonly number[]
  /** Pauses before each new attempt after a refusal that may pass; their number is the number of retries. */
  readonly retry_delays_ms: readonly number[]
  /** How long a line may stay uncertain before people must look. */
  readonly review_after_ms: number
  /** Most calls in flight. */
  readonly window_max: number
  /** Most calls started per second; 0 means no limit. */
  readonly rate_per_s: number
  /** Rest after five failures of the rail in a row, before one line tries. */
  readonly breaker_ms: number
  /** Rest after the rail said that something is wrong with us, before one line tries; an operator may resume sooner. */
  readonly stop_ms: number
  /** How often an idle worker looks for work. */
  readonly poll_ms: number
}

export type Connection = { readonly settings: ConnectionSettings; readonly rail: PayoutRail }

/** The pause before query number `tries` (from 0). */
export const queryDelay = (settings: ConnectionSettings, tries: number): number =>
  settings.query_delays_ms[Math.min(tries, settings.query_delays_ms.length - 1)] ??
  settings.not_found_after_ms

/**
 * When an uncertain line is asked about first. A transfer that the rail had prepared does not wait for acceptance any
 * more; of any other we do not know, and a question would destroy it (Mojaloop SDK: GET on a waiting transfer), so
 * its quote must have expired.
 */
export const firstQueryDelay = (settings: ConnectionSettings, prepared: boolean): number =>
  Math.min(
    prepared ? queryDelay(settings, 0) : Math.max(queryDelay(settings, 0), settings.expiry_ms),
    settings.not_found_after_ms,
  )
