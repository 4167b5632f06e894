import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { readAnswer, send, Unreachable } from './http.ts'

const progress = z.object({
  state: z.string(),
  total: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  pending: z.int(),
  uncertain: z.int(),
  paused: z.boolean(),
  progress_percent: z.number(),
})
export type Progress = z.output<typeof progress>

/** Why following ended: the batch is final, the caller had enough, or nothing answers any more. */
export type Followed = 'done' | 'aborted' | 'lost'

/** The server sends at least a comment every 15 s; silence beyond this is a dead connection. */
const SILENCE_MS = 45_000
/** Tries to connect again, a second apart, before giving up. */
const TRIES = 60

/**
 * Reads the stream of a batch until it is final, connecting again where it broke off. Throws a `Stop` when the server
 * refuses (an unknown batch).
 */
export async function follow(
  url: URL,
  onProgress: (now: Progress) => void,
  signal: AbortSignal,
): Promise<Followed> {
  let tries = 0
  let last_id: string | undefined
  while (!signal.aborted && tries < TRIES) {
    tries++
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(last_id === undefined ? {} : { 'last-event-id': last_id }),
      }
      const response = await send({ method: 'GET', url, headers, silence_ms: SILENCE_MS, signal })
      if (response.statusCode !== 200) await readAnswer(response)
      for await (const event of readEvents(response)) {
        tries = 0
        last_id = event.id ?? last_id
        if (event.name === 'done') return 'done'
        if (event.name === 'error') break
        const parsed = progress.safeParse(JSON.parse(event.data))
        if (parsed.success) onProgress(parsed.data)
      }
    } catch (error) {
      // A network's trouble is met by trying again; what the server says, and our own bugs, are not.
      if (!isNetwork(error) && !signal.aborted) throw error
    }
    await pause(1_000, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
  }
  return signal.aborted ? 'aborted' : 'lost'
}

/** Unreachable, or a stream that was cut (ECONNRESET, ERR_STREAM_PREMATURE_CLOSE, our own time limit). */
const isNetwork = (error: unknown): boolean =>
  error instanceof Error &&
  (error instanceof Unreachable || 'code' in error || error.message.startsWith('silent for'))

export type StreamEvent = { readonly name: string; readonly data: string; readonly id?: string }

/** The events of a stream (WHATWG HTML §9.2.6): fields by lines, an empty line sends; comments count for nothing. */
export async function* readEvents(
  response: IncomingMessage | AsyncIterable<string>,
): AsyncGenerator<StreamEvent> {
  if ('setEncoding' in response) response.setEncoding('utf8')
  let rest = ''
  let name = 'message'
  let data: string[] = []
  let id: string | undefined
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split(/\r\n|\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (field === 'event') name = value
      if (field === 'data') data.push(value)
      if (field === 'id') id = value
      if (line !== '') continue
      if (data.length > 0) yield { name, data: data.join('\n'), ...(id === undefined ? {} : { id }) }
      name = 'message'
      data = []
    }
  }
}
