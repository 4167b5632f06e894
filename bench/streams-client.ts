import { connect, type Socket } from 'node:net'

/** What the bench asks of its crowd of clients, in a process of its own so that neither side's memory is the other's. */
export type Ask =
  | { readonly kind: 'open'; readonly port: number; readonly path: string; readonly streams: number }
  /** The moments (ms since 1970) at which lines were settled, in order: how long until each stream showed those after `from`? */
  | { readonly kind: 'lags'; readonly settled_at: readonly number[]; readonly from: number }
  | { readonly kind: 'close' }

export type Told =
  | { readonly kind: 'opened'; readonly streams: number; readonly ms: number }
  /** `unseen`: settlements that a stream never showed. */
  | {
      readonly kind: 'lags'
      readonly p50_ms: number
      readonly p99_ms: number
      readonly events: number
      readonly unseen: number
    }

/** One stream: what it has shown and when. */
type Stream = {
  readonly socket: Socket
  readonly shown: { readonly at: number; readonly completed: number }[]
}

/** Opened at once, as after a restart of the server, but not beyond what a listening socket holds. */
const AT_ONCE = 200
const COMPLETED = /"completed":(\d+)/g

const streams: Stream[] = []

process.on('message', (ask: Ask) => {
  if (ask.kind === 'open') void openAll(ask).then((told) => process.send?.(told))
  else if (ask.kind === 'lags') process.send?.(lagsOf(ask))
  else process.exit(0)
})
process.on('disconnect', () => process.exit(0))

async function openAll(ask: Extract<Ask, { kind: 'open' }>): Promise<Told> {
  const started = performance.now()
  let left = ask.streams
  const one = async (): Promise<void> => {
    while (left-- > 0) streams.push(await openStream(ask))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return { kind: 'opened', streams: streams.length, ms: performance.now() - started }
}

/** Resolves with the first event: the server has done all that it does for a stream. */
function openStream({ port, path }: Extract<Ask, { kind: 'open' }>): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const stream: Stream = { socket, shown: [] }
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      if (stream.shown.length === 0 && text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.1 200'))
        reject(new Error(text.slice(0, 300)))
      const at = Date.now()
      for (const match of text.matchAll(COMPLETED)) stream.shown.push({ at, completed: Number(match[1]) })
      if (stream.shown.length > 0) resolve(stream)
    })
    socket.on('error', reject)
    socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n\r\n`)
  })
}

/** For every settlement and every stream: from the settlement until the stream showed that many lines or more. */
function lagsOf({ settled_at, from }: Extract<Ask, { kind: 'lags' }>): Told {
  const lags: number[] = []
  let [events, unseen] = [0, 0]
  // Lines of one settlement have one moment: the last of them counts for all.
  const sets = settled_at.flatMap((at, i) =>
    at < from || settled_at[i + 1] === at ? [] : [{ at, completed: i + 1 }],
  )
  for (const { shown } of streams) {
    events += shown.length
    let next = 0
    for (const { at, completed } of sets) {
      while (next < shown.length && (shown[next]?.completed ?? 0) < completed) next++
      const seen = shown[next]
      if (seen === undefined) unseen++
      else lags.push(Math.max(0, seen.at - at))
    }
  }
  lags.sort((a, b) => a - b)
  const at = (p: number): number => lags[Math.min(lags.length - 1, Math.floor(p * lags.length))] ?? Number.NaN
  return { kind: 'lags', p50_ms: at(0.5), p99_ms: at(0.99), events, unseen }
}
