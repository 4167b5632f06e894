import type { FastifyReply } from 'fastify'
import { Refusal } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Pressure } from '../pressure.ts'

/** So many requests of one kind are served at once; so many more may wait, none of them longer than `wait_ms`. */
export type LaneRules = { readonly places: number; readonly waiting: number; readonly wait_ms: number }

/**
 * The lanes of one process. They keep kinds of work apart, so that a crowd in one does not hold up another, and their
 * places together stay near the number of the pool's connections. What is not let in is refused before its body is read
 * and before it has touched the database: it left nothing behind.
 */
const lanes = {
  /** A file is received and imported. Slow lines hold a place for minutes, so they are more than can be imported at once. */
  upload: { places: 32, waiting: 32, wait_ms: 5_000 },
  /** Lines paid again: as heavy as an import. */
  retry: { places: 2, waiting: 8, wait_ms: 5_000 },
  read: { places: 5, waiting: 128, wait_ms: 2_000 },
  /** A list of any length, sent as the client reads it: it holds its place until then. */
  export: { places: 8, waiting: 16, wait_ms: 5_000 },
  /** A browser's EventSource gives up for good on any status but 200 (WHATWG HTML §9.2.3): a crowd waits here. */
  stream: { places: 3, waiting: 10_000, wait_ms: 30_000 },
  /** Cancel, pause, resume and other changes: short, and wanted most of all when there is too much to do. */
  control: { places: 3, waiting: 256, wait_ms: 5_000 },
  /** Each may cost a core 140 ms and 64 MiB: a crowd that signs in waits here, and nobody else with it. */
  sign_in: { places: 4, waiting: 64, wait_ms: 10_000 },
  /** A rail's notifications: there may be one for each line, and none of them is needed. */
  hint: { places: 1, waiting: 64, wait_ms: 2_000 },
} as const satisfies Record<string, LaneRules>

/** Under pressure these have half their places. An upload is slowed down where it is imported; control never is. */
const yielding: Partial<Record<Lane, true>> = { read: true, export: true, stream: true, retry: true }

export type Lane = keyof typeof lanes
export type Lanes = Readonly<Partial<Record<Lane, LaneRules>>>

/** Streams and long waits that are open together; each costs some 20 kB. */
const MAX_LASTING = 10_000

/** A request's place in its lane. */
export type Place = {
  /** Gives it to the next one. The end of the answer does the same. */
  readonly leave: () => void
  /** Gives it up because the answer lasts: a stream, or a wait. Refuses where too many of these are open. */
  readonly stay: () => void
}

export type Admission = {
  /**
   * Waits for a place of the lane. Refuses UNAVAILABLE, with Retry-After, when too many wait or the wait is too long;
   * never resolves for a client that has left.
   */
  readonly enter: (lane: Lane, reply: FastifyReply) => Promise<Place>
}

/** Opens the lanes of one server. `own` replaces the rules of some: tests have smaller ones. */
export function openAdmission(log: Log, pressure: Pick<Pressure, 'isHigh'>, own: Lanes = {}): Admission {
  const open = new Map(
    Object.entries<LaneRules>({ ...lanes, ...own }).map(([name, rules]) => {
      const limit = (): number =>
        pressure.isHigh() && name in yielding ? Math.max(1, Math.floor(rules.places / 2)) : rules.places
      return [name, openLane(rules, limit)] as const
    }),
  )
  const refuse = teller(log)
  let lasting = 0
  return {
    enter: async (name, reply) => {
      const lane = open.get(name)
      if (lane === undefined) throw new Error(`no lane ${name}`)
      const asked = lane.ask()
      reply.raw.once('close', asked.leave)
      if (!(await asked.given)) throw refuse(name)
      return {
        leave: asked.leave,
        stay: () => {
          asked.leave()
          if (lasting >= MAX_LASTING) throw refuse('lasting')
          lasting++
          reply.raw.once('close', () => lasting--)
        },
      }
    },
  }
}

type Asked = { readonly given: boolean | Promise<boolean>; readonly leave: () => void }

function openLane({ waiting, wait_ms }: LaneRules, limit: () => number): { readonly ask: () => Asked } {
  let taken = 0
  const line = new Set<() => void>()
  const give = (): void => {
    taken--
    for (const next of line) {
      if (taken >= limit()) return
      taken++
      next()
    }
  }
  const held = (): (() => void) => {
    let holds = true
    return () => {
      if (holds) give()
      holds = false
    }
  }
  const wait = (): Asked => {
    const { promise: given, resolve } = Promise.withResolvers<boolean>()
    let leave = (): void => void line.delete(next)
    const next = (): void => {
      line.delete(next)
      clearTimeout(timer)
      leave = held()
      resolve(true)
    }
    const timer = setTimeout(() => {
      line.delete(next)
      resolve(false)
    }, wait_ms)
    timer.unref()
    line.add(next)
    return { given, leave: () => leave() }
  }
  return {
    ask: () => {
      if (line.size === 0 && taken < limit()) {
        taken++
        return { given: true, leave: held() }
      }
      return line.size < waiting ? wait() : { given: false, leave: () => undefined }
    },
  }
}

/** Makes the refusals and says once a second, not once for each, that there are any. */
function teller(log: Log): (where: string) => Refusal {
  let refused = 0
  let timer: NodeJS.Timeout | undefined
  return (where) => {
    refused++
    timer ??= setTimeout(() => {
      log.warn({ refused, where }, 'more is asked than can be served')
      refused = 0
      timer = undefined
    }, 1_000).unref()
    // Not the same for all, so that those who were refused together do not come back together.
    return new Refusal('UNAVAILABLE', { retry_after_s: 1 + Math.floor(Math.random() * 3), detail: crowded })
  }
}

const crowded = {
  en: 'Too much is asked at the same time. Nothing was accepted: send the same request again later',
  fr: 'Trop de demandes à la fois. Rien n’a été accepté : renvoyez la même requête plus tard',
}
