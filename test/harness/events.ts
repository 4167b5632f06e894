import { request, type IncomingHttpHeaders } from 'node:http'
import { atEnd } from './ends.ts'
import { until } from './wait.ts'

export type StreamEvent = {
  readonly event: string
  readonly id: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into events of every shape
  readonly data: any
}

export type EventStream = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What has come so far; `event` is `message` where the stream gave none, as in a browser. */
  readonly events: readonly StreamEvent[]
  readonly comments: () => number
  /** The whole text, when the answer is no stream. */
  readonly text: () => string
  readonly ended: () => boolean
  readonly next: (what: string, wanted: (event: StreamEvent) => boolean) => Promise<StreamEvent>
  readonly close: () => void
}

/** Reads a stream of server-sent events, each field as the standard says; one `data:` line an event, as ours have. */
export function openEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { accept: 'text/event-stream', ...headers } }, (answer) => {
      const events: StreamEvent[] = []
      let [text, rest, comments, ended] = ['', '', 0, false]
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        const blocks = (rest + piece).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          if (/^:/m.test(block)) comments++
          const event = readEvent(block)
          if (event) events.push(event)
        }
      })
      answer.on('close', () => (ended = true))
      answer.on('error', () => (ended = true))
      const close = (): void => void sent.destroy()
      atEnd(close)
      resolve({
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        events,
        comments: () => comments,
        text: () => text,
        ended: () => ended,
        next: (what, wanted) => until(what, async () => events.find(wanted)),
        close,
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

function readEvent(block: string): StreamEvent | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
  const data = field('data')
  if (data === undefined) return undefined
  return { event: field('event') ?? 'message', id: field('id'), data: JSON.parse(data) as unknown }
}
