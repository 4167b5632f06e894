import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from './log.ts'

/** The process's one LISTEN connection. News are hints: after a reconnect everything must be read again. */
export type Notifications = {
  /** Calls the handler with each payload of a channel that was named when opening. */
  readonly on: (channel: string, handler: (payload: string) => void) => void
  /** Called after each reconnect: what was notified in between is lost. */
  readonly onReconnect: (handler: () => void) => void
  readonly close: () => Promise<void>
}

const HEARTBEAT_MS = 15_000
const HEARTBEAT_TIMEOUT_MS = 5_000
const LONGEST_PAUSE_MS = 5_000

/**
 * Opens the connection (outside the pool, since LISTEN belongs to a session; so no transaction-pooling proxy) and
 * listens. Rejects when the first connection cannot be made; later losses are repaired, with growing pauses.
 */
export async function openNotifications(
  url: string,
  channels: readonly string[],
  log: Log,
): Promise<Notifications> {
  const handlers = new Map<string, ((payload: string) => void)[]>(channels.map((name) => [name, []]))
  const reconnected: (() => void)[] = []
  const closing = new AbortController()
  const hear = ({ channel, payload }: pg.Notification): void =>
    handlers.get(channel)?.forEach((handler) => handler(payload ?? ''))

  let session = await connect(url, channels, hear)
  const keep = async (): Promise<void> => {
    for (;;) {
      await session.lost
      if (closing.signal.aborted) return
      log.warn('the notification connection was lost')
      const next = await reconnect(url, channels, hear, closing.signal)
      if (next === undefined) return
      // Closed while it was being made: nobody else would ever end it.
      if (closing.signal.aborted) return next.end()
      session = next
      log.info('the notification connection is back')
      reconnected.forEach((handler) => handler())
    }
  }
  const kept = keep()
  return {
    on: (channel, handler) => {
      const list = handlers.get(channel)
      if (list === undefined) throw new Error(`channel ${channel} was not named when opening`)
      list.push(handler)
    },
    onReconnect: (handler) => void reconnected.push(handler),
    close: async () => {
      closing.abort()
      await session.end()
      await kept
    },
  }
}

/** How long a good-bye may take. */
const END_MS = 1_000

type Session = { readonly lost: Promise<void>; readonly end: () => Promise<void> }

async function connect(
  url: string,
  channels: readonly string[],
  hear: (news: pg.Notification) => void,
): Promise<Session> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'cauri notifications',
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    query_timeout: HEARTBEAT_TIMEOUT_MS,
  })
  const lost = new Promise<void>((resolve) => {
    client.once('end', () => resolve())
    client.on('error', () => resolve())
  })
  client.on('notification', hear)
  await client.connect()
  for (const channel of channels) await client.query(`listen ${client.escapeIdentifier(channel)}`)
  // A peer that vanished without a word is noticed by a question that it does not answer.
  let dead = (): void => undefined
  const silent = new Promise<void>((resolve) => (dead = resolve))
  const timer = setInterval(() => void client.query('select').catch(dead), HEARTBEAT_MS)
  const over = Promise.race([lost, silent]).finally(() => clearInterval(timer))
  return {
    lost: over,
    end: async () => {
      // Already gone, or going: a client whose server has just ended it may never say that it has ended.
      await Promise.race([client.end().catch(() => undefined), pause(END_MS, undefined, { ref: false })])
      dead()
    },
  }
}

async function reconnect(
  url: string,
  channels: readonly string[],
  hear: (news: pg.Notification) => void,
  closing: AbortSignal,
): Promise<Session | undefined> {
  for (let wait = 100; !closing.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    // The database may be down for long: each try that fails is followed by a longer pause.
    const session = await connect(url, channels, hear).catch(() => undefined)
    if (session !== undefined) return session
    await pause(wait * (0.5 + Math.random() / 2), undefined, { signal: closing }).catch(() => undefined)
  }
  return undefined
}
