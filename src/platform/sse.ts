import type { FastifyReply } from 'fastify'

export type SseEvent = {
  readonly event?: string
  /** Serialised as JSON; not changed afterwards. */
  readonly data: unknown
  readonly id?: string
}

/** One open event stream (WHATWG HTML §9.2). */
export type SseStream = {
  /** An event that must arrive: kept in order. */
  readonly send: (event: SseEvent) => void
  /** A state of which only the newest counts: while the client is slow, older ones are dropped. */
  readonly progress: (event: SseEvent) => void
  /** Ends the stream, after a last event if there is one. */
  readonly end: (last?: SseEvent) => void
  /** Called once, when the stream has ended from either side. */
  readonly onClose: (handler: () => void) => void
  readonly isOpen: () => boolean
}

export type SseStreams = {
  /** Takes over the reply; the headers that hooks have set (CORS, security) are kept. */
  readonly open: (reply: FastifyReply) => SseStream
  readonly count: () => number
  /** Ends every stream with `event: error` and a hint to reconnect after a second: the server stops. */
  readonly close: () => void
}

/** A client that does not read is cut when this much waits for it. */
const MAX_WAITING_BYTES = 1_048_576
const RECONNECT_MS = 1_000
/** Of a stream that ends because the server stops. */
const LAST: SseEvent = { event: 'error', data: { code: 'UNAVAILABLE', retry: true } }

type Open = { readonly stream: SseStream; readonly beat: () => void }

/**
 * The event streams of one server. One timer beats for all of them, fifteen times per `heartbeat_ms`: a stream that
 * was silent for 13 of these beats gets a comment, so that the gap stays under `heartbeat_ms` (15 s by contract).
 */
export function openSseStreams({ heartbeat_ms = 15_000 }: { heartbeat_ms?: number } = {}): SseStreams {
  const streams = new Set<Open>()
  const timer = setInterval(() => streams.forEach(({ beat }) => beat()), heartbeat_ms / 15)
  timer.unref()
  let closed = false
  return {
    open: (reply) => {
      const open = openStream(reply, (heartbeat_ms * 13) / 15)
      if (closed) open.stream.end(LAST) // asked on a connection that was open still
      streams.add(open)
      open.stream.onClose(() => streams.delete(open))
      return open.stream
    },
    count: () => streams.size,
    close: () => {
      closed = true
      clearInterval(timer)
      for (const { stream } of streams) stream.end(LAST)
    },
  }
}

function openStream(reply: FastifyReply, silence_ms: number): Open {
  reply.hijack()
  const raw = reply.raw
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) raw.setHeader(name, value)
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
  raw.socket?.setNoDelay(true)

  const closers: (() => void)[] = []
  let open = true
  let waiting: string | undefined
  let last_write = performance.now()

  const write = (text: string): void => {
    last_write = performance.now()
    raw.write(text)
    if (raw.writableLength > MAX_WAITING_BYTES) raw.destroy()
  }
  const flush = (): void => {
    if (waiting === undefined || !open) return
    const text = waiting
    waiting = undefined
    write(text)
  }
  const stream: SseStream = {
    send: (event) => {
      if (!open) return
      flush()
      write(frame(event))
    },
    progress: (event) => {
      if (!open) return
      waiting = frame(event)
      if (!raw.writableNeedDrain) flush()
    },
    end: (last) => {
      if (!open) return
      open = false
      raw.end(`retry: ${RECONNECT_MS}\n${last === undefined ? '\n' : frame(last)}`)
    },
    onClose: (handler) => void (raw.closed ? handler() : closers.push(handler)),
    isOpen: () => open,
  }
  raw.on('drain', flush)
  raw.on('error', () => undefined) // the client left in the middle of a write; 'close' follows
  raw.on('close', () => {
    open = false
    closers.splice(0).forEach((handler) => handler())
  })
  // The head goes out alone: written together with a body, Node would keep it in its eighty pieces for as long as the
  // stream is open (2 kB of each).
  raw.flushHeaders()
  raw.write(`retry: ${RECONNECT_MS}\n\n`)
  const beat = (): void => {
    if (open && !raw.writableNeedDrain && performance.now() - last_write >= silence_ms) write(': \n\n')
  }
  return { stream, beat }
}

/** One event in the wire form. JSON has no raw line ends, so one `data:` line is enough; ids must have none either. */
function frame({ event, data, id }: SseEvent): string {
  const head = `${event === undefined ? '' : `event: ${event}\n`}${id === undefined ? '' : `id: ${id}\n`}`
  return `${head}data: ${textOf(data)}\n\n`
}

/** The same state goes out to thousands of streams one after the other: the last one's text is kept. */
let last: { readonly data: unknown; readonly text: string } | undefined
function textOf(data: unknown): string {
  if (last === undefined || last.data !== data) last = { data, text: JSON.stringify(data) }
  return last.text
}
