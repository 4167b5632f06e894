import { request, type ClientRequest } from 'node:http'

/** How a stream of events came to its end. */
export type Ending =
  /** The batch is final. */
  | 'done'
  /** The server stops and says so: come back. */
  | 'told'
  /** Nobody said why, although the answer had begun. */
  | 'cut'
  /** There was no answer: refused or reset before it began, or 503. */
  | 'unanswered'
  /** It was we who left. */
  | 'left'

export type Followed = {
  readonly ending: Ending
  /** Of the answer, if there was one. */
  readonly status: number | undefined
  readonly retry_after: string | undefined
  /** The last event's id: where a client that comes back goes on. */
  readonly last_id: string | undefined
  /** Events that were older than what this client knew already. */
  readonly backwards: number
}

const fieldOf = (block: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]

/** Follows a batch until its stream ends or the signal says that it was enough. */
export function followBatch(
  base: string,
  bulk_id: string,
  options: {
    readonly last_id?: string | undefined
    readonly until: AbortSignal
    readonly onEvent?: (data: string) => void
  },
): Promise<Followed> {
  return new Promise((resolve) => {
    const { until, onEvent } = options
    const known = options.last_id
    let [last_id, backwards, said] = [known, 0, '']
    let ending: Ending = 'unanswered'
    let [status, retry_after]: [number | undefined, string | undefined] = [undefined, undefined]
    const headers = {
      accept: 'text/event-stream',
      ...(known === undefined ? {} : { 'last-event-id': known }),
    }
    const sent: ClientRequest = request(`${base}/api/bulk-transfers/${bulk_id}/stream`, {
      headers,
      agent: false,
    })
    const end = (): void => {
      until.removeEventListener('abort', leave)
      resolve({ ending, status, retry_after, last_id, backwards })
    }
    const leave = (): void => {
      ending = 'left'
      sent.destroy()
    }
    until.addEventListener('abort', leave, { once: true })
    const read = (block: string): void => {
      const id = fieldOf(block, 'id')
      if (id !== undefined) {
        if (last_id !== undefined && BigInt(id) < BigInt(last_id)) backwards += 1
        last_id = id
      }
      if (fieldOf(block, 'event') === 'done') ending = 'done'
      if (fieldOf(block, 'event') === 'error') ending = 'told'
      const data = fieldOf(block, 'data')
      if (data !== undefined) onEvent?.(data)
    }
    sent.on('response', (answer) => {
      status = answer.statusCode
      retry_after = answer.headers['retry-after']
      if (status === 200) ending = 'cut'
      answer.setEncoding('utf8').on('data', (piece: string) => {
        const blocks = (said + piece).split('\n\n')
        said = blocks.pop() ?? ''
        if (answer.statusCode === 200) blocks.forEach(read)
      })
      answer.on('error', () => undefined) // 'close' follows
    })
    sent.on('error', () => undefined)
    sent.on('close', end)
    if (until.aborted) leave()
    sent.end()
  })
}
