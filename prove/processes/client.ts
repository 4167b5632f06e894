import { setTimeout as pause } from 'node:timers/promises'

/** What a client that wants its file paid sends, again and again under one key until there is an answer. */
export type Upload = {
  readonly key: string
  readonly csv: string
  readonly payer_account: string
  readonly callback_url?: string
}

export type Answered = { readonly status: number; readonly text: string }

/** Answers after which a client repeats: still running, too many, or something of ours was away. */
const AGAIN = new Set([409, 429, 502, 503, 504])
/** Longer than a request takes under any fault but a frozen server. */
const PATIENCE_MS = 12_000

/**
 * Sends until there is an answer that repeating cannot mend, as a client should: the same key and bytes after every
 * lost one. Throws past the deadline with what it got last.
 */
export async function insist(
  what: string,
  send: (signal: AbortSignal) => Promise<Response>,
  deadline_ms: number,
): Promise<Answered> {
  const end = Date.now() + deadline_ms
  let last = 'nothing'
  for (;;) {
    const answer = await once(send).catch((error: unknown) => {
      last = String(error) // the API is away: killed, or not up again
      return undefined
    })
    if (answer !== undefined && !isInProgress(answer)) return answer
    if (answer !== undefined) last = `${answer.status} ${answer.text}`
    if (Date.now() > end) throw new Error(`${what}: after ${deadline_ms} ms still ${last}`)
    await pause(50)
  }
}

async function once(send: (signal: AbortSignal) => Promise<Response>): Promise<Answered> {
  const answer = await send(AbortSignal.timeout(PATIENCE_MS))
  return { status: answer.status, text: await answer.text() }
}

/** 409 is also a refusal (a batch in another state): only the key's own one is repeated. */
const isInProgress = ({ status, text }: Answered): boolean =>
  AGAIN.has(status) && (status !== 409 || text.includes('IDEMPOTENCY_IN_PROGRESS'))

/** Uploads until it is accepted, and gives the batch's name. Throws on a refusal, and past the deadline. */
export async function upload(base: () => string, what: Upload, deadline_ms: number): Promise<string> {
  const { key, csv, payer_account, callback_url } = what
  const answer = await insist(
    `upload ${key}`,
    (signal) => {
      const form = new FormData()
      form.set('file', new Blob([csv], { type: 'text/csv' }), `${key}.csv`)
      form.set('payer_account', payer_account)
      if (callback_url !== undefined) form.set('callback_url', callback_url)
      const headers = { 'idempotency-key': key }
      return fetch(`${base()}/api/bulk-transfers`, { method: 'POST', body: form, headers, signal })
    },
    deadline_ms,
  )
  if (answer.status !== 201) throw new Error(`upload ${key}: ${answer.status} ${answer.text}`)
  return (JSON.parse(answer.text) as { bulkTransferId: string }).bulkTransferId
}

/** POST of a JSON body under a key, with the same insistence. */
export const postJson = (
  url: () => string,
  key: string,
  body: object,
  deadline_ms: number,
): Promise<Answered> =>
  insist(
    `POST ${url()}`,
    (signal) =>
      fetch(url(), {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        signal,
      }),
    deadline_ms,
  )
