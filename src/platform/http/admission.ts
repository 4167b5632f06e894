import type { FastifyReply } from 'fastify'
import { Refusal } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Pressure } from '../pressure.ts'
import { openPurse, type PurseRules } from './purse.ts'

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

/**
 * What gives way under pressure. Some have half their places. Reads spend from a purse of time: a crowd of them costs what
 * was accepted little, and one who looks now and then waits for nobody. An upload is slowed down where it is imported;
 * control never is.
 */
const yielding: Partial<Record<Lane, 'half' | 'purse'>> = {
  read: 'purse',
  stream: 'half',
  export: 'half',
  retry: 'half',
}
const looking: PurseRules = { share: 0.25, most_ms: 500 }
/** While the purse is empty it is looked into this often. */
const LOOK_MS = 50

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

/** Opens the lanes of one server. `own` replaces the rules of some, and of the purse: tests have smaller ones. */
export function openAdmission(
  log: Log,
  pressure: Pick<Pressure, 'isHigh'>,
  { purse: rules = looking, ...own }: Lanes & { readonly purse?: PurseRules } = {},
): Admission {
  const purse = openPurse(rules)
  const open = new Map(
    Object.entries<LaneRules>({ ...lanes, ...own }).map(([name, rule]) => {
      const yields = yielding[name as Lane]
      const limit = (): number => {
        if (yields === undefined || !pressure.isHigh()) return rule.places
        return yields === 'half'
          ? Math.max(1, Math.floor(rule.places / 2))
          : purse.isEmpty()
            ? 0
            : rule.places
      }
      return [name, openLane(rule, limit, yields === 'purse' ? purse.pay : free)] as const
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

const free = (): void => undefined

type Asked = { readonly given: boolean | Promise<boolean>; readonly leave: () => void }

/** `limit` may change at any time, down to none; `pay` is told how long each place was held. */
function openLane(
  { waiting, wait_ms }: LaneRules,
  limit: () => number,
  pay: (held_ms: number) => void,
): { readonly ask: () => Asked } {
  let taken = 0
  const line = new Set<() => void>()
  let again: NodeJS.Timeout | undefined
  const letIn = (): void => {
    for (const next of line) {
      if (taken >= limit()) break
      taken++
      next()
    }
    if (line.size > 0) again ??= setTimeout(look, LOOK_MS).unref()
  }
  const look = (): void => {
    again = undefined
    letIn()
  }
  const held = (): (() => void) => {
    const since = performance.now()
    let holds = true
    return () => {
      if (!holds) return
      holds = false
      taken--
      pay(performance.now() - since)
      letIn()
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
    again ??= setTimeout(look, LOOK_MS).unref()
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
    return tooMuch(1)
  }
}

/** Come back in `least_s` to three times as many: those who were refused together do not come back together. */
export const tooMuch = (least_s: number): Refusal =>
  new Refusal('UNAVAILABLE', {
    retry_after_s: least_s + Math.floor(Math.random() * (2 * least_s + 1)),
    detail: crowded,
  })

const crowded = {
  en: 'Too much is asked at the same time. Nothing was accepted: send the same request again later',
  fr: 'Trop de demandes à la fois. Rien n’a été accepté : renvoyez la même requête plus tard',
}
