import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { openTcpProxy, type End } from '../../test/harness/tcp-proxy.ts'

/**
 * What happens to one connection. All of it is drawn when the connection is made, so that a seed gives the same fates in
 * the same order; an absent field is a quiet link. Bytes count what the server sent.
 */
export type Fate = {
  /** Milliseconds that every chunk waits, and at most as many again, drawn for each. */
  readonly latency_ms?: number
  readonly jitter_ms?: number
  /** Chunks under 16 kB arrive in pieces of this many bytes. */
  readonly slice_bytes?: number
  /** Both ends are reset after this long. */
  readonly reset_after_ms?: number
  /** Both ends are reset once the server has sent so much; what is above is lost. */
  readonly cut_after_bytes?: number
  /** From then on nothing passes and nobody is told: neither end hears that the other closed, for `lingers_ms`. */
  readonly stall_after_ms?: number
  readonly lingers_ms?: number
  /** The server's n-th CommandComplete «COMMIT» is lost, and the link with it: it committed, and nobody knows. */
  readonly lose_commit?: number
}

/** How often each kind of fault was really done to somebody. */
export const proxyFaults = [
  'link refused',
  'link slow',
  'link sliced',
  'link reset',
  'link cut in an answer',
  'link stalled half-open',
  'reply to COMMIT lost',
] as const
export type ProxyFault = (typeof proxyFaults)[number]

export type Proxy = {
  readonly port: number
  /** Draws the fate of each connection from now on; without one they are quiet. Those that are there keep theirs. */
  readonly setWeather: (draw: (() => Fate) | undefined) => void
  /** While down, connections are refused by a reset, and those that were there are reset. */
  readonly setDown: (down: boolean) => void
  readonly injected: () => Readonly<Record<ProxyFault, number>>
  readonly connections: () => number
  /** Resets everything and stops listening. */
  readonly close: () => Promise<void>
}

type Inner = {
  readonly random: () => number
  readonly counts: Record<ProxyFault, number>
  draw: (() => Fate) | undefined
  down: boolean
}

/**
 * A TCP proxy on a free port of 127.0.0.1 before one server, which may move (the address `target` is asked at each
 * connection). It knows one thing of one protocol: how PostgreSQL answers a COMMIT.
 */
export async function openProxy(target: () => string, random: () => number): Promise<Proxy> {
  const counts = Object.fromEntries(proxyFaults.map((kind) => [kind, 0])) as Record<ProxyFault, number>
  const inner: Inner = { random, counts, draw: undefined, down: false }
  const proxy = await openTcpProxy({ target, half_open: true }, (client, server) =>
    carry(inner, client, server),
  )
  return {
    port: proxy.port,
    setWeather: (draw) => void (inner.draw = draw),
    setDown: (down) => {
      inner.down = down
      if (down) proxy.reset()
    },
    injected: () => ({ ...counts }),
    connections: proxy.links,
    close: proxy.close,
  }
}

function carry(inner: Inner, client: Socket, upstream: Socket): ((closed: End) => void) | undefined {
  const { counts } = inner
  const reset = (): void => {
    client.resetAndDestroy()
    upstream.resetAndDestroy()
  }
  if (inner.down) {
    counts['link refused'] += 1
    reset()
    return undefined
  }
  const fate = inner.draw?.() ?? {}
  const state = { stalled: false }
  const timers: NodeJS.Timeout[] = []
  const strike = (kind: ProxyFault): undefined => {
    counts[kind] += 1
    reset()
  }
  if (fate.reset_after_ms !== undefined)
    timers.push(setTimeout(() => strike('link reset'), fate.reset_after_ms))
  if (fate.stall_after_ms !== undefined)
    timers.push(
      setTimeout(() => {
        counts['link stalled half-open'] += 1
        state.stalled = true
        client.pause()
        upstream.pause()
        // A paused socket does not see that the other side has gone: it is the same for both ends.
        timers.push(setTimeout(reset, fate.lingers_ms ?? 5_000))
      }, fate.stall_after_ms),
    )
  if (fate.latency_ms !== undefined) counts['link slow'] += 1
  if (fate.slice_bytes !== undefined) counts['link sliced'] += 1

  const unlessStalled =
    (look: Look): Look =>
    (chunk) =>
      state.stalled ? undefined : look(chunk)
  const sent = pump(
    inner,
    fate,
    client,
    upstream,
    unlessStalled((chunk) => chunk),
  )
  const answered = pump(inner, fate, upstream, client, unlessStalled(readAnswers(fate, strike)))
  let open = 2
  return (closed) => {
    const [other, passed] = closed === 'client' ? [upstream, sent] : [client, answered]
    // What was on its way when one end closed still arrives.
    void passed().then(() => {
      if (!state.stalled) other.destroySoon()
    })
    if (--open === 0) for (const timer of timers) clearTimeout(timer)
  }
}

/** Looks at a chunk before it is passed on; swallows it by answering nothing. */
type Look = (chunk: Buffer) => Buffer | undefined

/** Watches what the server sends, for the faults that fall upon an answer. */
function readAnswers(
  { lose_commit = Number.POSITIVE_INFINITY, cut_after_bytes = Number.POSITIVE_INFINITY }: Fate,
  strike: (kind: ProxyFault) => undefined,
): Look {
  let tail = Buffer.alloc(0)
  let [commits, received] = [0, 0]
  return (chunk) => {
    const seen = Buffer.concat([tail, chunk])
    commits += countOf(seen, COMMITTED)
    tail = Buffer.from(seen.subarray(-(COMMITTED.length - 1)))
    if (commits >= lose_commit) return strike('reply to COMMIT lost')
    received += chunk.length
    return received > cut_after_bytes ? strike('link cut in an answer') : chunk
  }
}

/** CommandComplete: type 'C', its length with itself, the tag and its end (PostgreSQL protocol 3, message formats). */
const COMMITTED = Buffer.from('C\0\0\0\u000bCOMMIT\0', 'latin1')

function countOf(bytes: Buffer, words: Buffer): number {
  let n = 0
  for (let at = bytes.indexOf(words); at >= 0; at = bytes.indexOf(words, at + words.length)) n += 1
  return n
}

/** Larger chunks are a file or a table under way: in small pieces they would only cost time. */
const MOST_SLICED = 16_384

/** Passes chunks on in order, after what the fate says; `look` may swallow one. Answers when all has passed so far. */
function pump(
  { random }: Inner,
  { latency_ms, jitter_ms = 0, slice_bytes }: Fate,
  from: Socket,
  to: Socket,
  look: Look,
): () => Promise<void> {
  const pass = (chunk: Buffer): void => {
    if (to.destroyed) return
    let fits = true
    if (slice_bytes === undefined || chunk.length > MOST_SLICED) fits = to.write(chunk)
    else
      for (let at = 0; at < chunk.length; at += slice_bytes)
        fits = to.write(chunk.subarray(at, at + slice_bytes))
    if (fits) return
    from.pause()
    to.once('drain', () => from.resume())
  }
  let before = Promise.resolve()
  from.on('data', (chunk: Buffer) => {
    const seen = look(chunk)
    if (seen === undefined) return
    if (latency_ms === undefined) return pass(seen)
    const due = performance.now() + latency_ms + random() * jitter_ms
    before = before.then(async () => {
      const wait = due - performance.now()
      if (wait > 0) await pause(wait)
      pass(seen)
    })
  })
  from.on('end', () => void before.then(() => to.end()))
  return () => before
}
