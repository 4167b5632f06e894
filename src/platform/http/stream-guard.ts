import type { Actor } from '../context.ts'
import { Refusal, type RefusalCode } from '../errors.ts'
import type { Log } from '../log.ts'
import type { SseStream } from '../sse.ts'
import type { Access } from './access.ts'

/** Who opened a stream, by which row of the matrix. */
export type StreamCall = { readonly actor: Actor; readonly access: Access }

export type StreamRules = {
  /** Every stream is judged anew so often (milliseconds). */
  readonly recheck_ms: number
  /** One person, or one key, may have so many open in this process. */
  readonly most_per_person: number
  /** For each call why it may go on no longer, undefined where it may. Asked for all open streams at once. */
  readonly judge: (calls: readonly StreamCall[]) => Promise<readonly (RefusalCode | undefined)[]>
}

export type StreamGuard = {
  /** Refuses TOO_MANY_STREAMS. */
  readonly assertRoom: (actor: Actor) => void
  readonly watch: (stream: SseStream, call: StreamCall) => void
  readonly close: () => void
}

/** Who has it open: a person, whatever he signed in with, or a key. Undefined for the sandbox's own machine. */
function holderOf(actor: Actor): string | undefined {
  if (actor.kind === 'anonymous') return undefined
  if (actor.person_id !== undefined) return `person:${actor.person_id}`
  return actor.kind === 'organization' && actor.secret_hash !== undefined ? actor.name : undefined
}

/**
 * A stream outlives the request that was judged: as long as it is open, it is judged again and again, and ends when its session
 * or its key has ended or a role is gone. One question for all of them, each time.
 */
export function openStreamGuard(rules: StreamRules, log: Log): StreamGuard {
  const open = new Map<SseStream, StreamCall>()
  const counts = new Map<string, number>()
  let asking = false
  const recheck = async (): Promise<void> => {
    if (asking || open.size === 0) return
    asking = true
    try {
      const streams = [...open]
      const verdicts = await rules.judge(streams.map(([, call]) => call))
      streams.forEach(([stream], i) => {
        const code = verdicts[i]
        if (code !== undefined) stream.end({ event: 'error', data: { code, retry: false } })
      })
    } catch (err) {
      // The database is away: no news can come from it either. The next round judges.
      log.warn({ err }, 'open streams could not be judged')
    } finally {
      asking = false
    }
  }
  const timer = setInterval(() => void recheck(), rules.recheck_ms)
  timer.unref()
  return {
    assertRoom: (actor) => {
      const holder = holderOf(actor)
      if (holder !== undefined && (counts.get(holder) ?? 0) >= rules.most_per_person)
        throw new Refusal('TOO_MANY_STREAMS', { retry_after_s: Math.ceil(rules.recheck_ms / 1_000) })
    },
    watch: (stream, call) => {
      const holder = holderOf(call.actor)
      if (holder === undefined) return // the sandbox's own machine: nothing can be taken from it
      open.set(stream, call)
      counts.set(holder, (counts.get(holder) ?? 0) + 1)
      stream.onClose(() => {
        open.delete(stream)
        const left = (counts.get(holder) ?? 1) - 1
        if (left === 0) counts.delete(holder)
        else counts.set(holder, left)
      })
    },
    close: () => clearInterval(timer),
  }
}
