import { Agent } from 'undici'

/** What became of one upload, as its client sees it. */
export type Said =
  | { readonly kind: 'accepted'; readonly bulk_id: string }
  /** 429, 503 or «the same request is running», with the seconds of its Retry-After. */
  | { readonly kind: 'refused'; readonly status: number; readonly retry_after_s: number }
  /** No answer: the connection was refused, reset or silent. */
  | { readonly kind: 'lost'; readonly why: string }
  /** An answer that must not be. */
  | { readonly kind: 'wrong'; readonly why: string }

export type Upload = { readonly key: string; readonly csv: string; readonly payer_account: string }

export type Client = {
  readonly upload: (base: string, what: Upload) => Promise<Said>
  /** Status of the answer and its Retry-After; 0 when there was none. */
  readonly ask: (base: string, method: 'GET' | 'POST', path: string) => Promise<Answer>
  readonly close: () => Promise<void>
}

export type Answer = {
  readonly status: number
  readonly retry_after: string | undefined
  readonly text: string
}

const BOUNDARY = 'cauri-load-7MA4YWxkTrZu0gW'
const SILENT_MS = 60_000

/** A client that takes as many connections as its requests need, as a crowd of them would. */
export function openClient(): Client {
  const agent = new Agent({
    headersTimeout: SILENT_MS,
    bodyTimeout: SILENT_MS,
    connect: { timeout: SILENT_MS },
  })
  const send = async (
    base: string,
    options: { method: 'GET' | 'POST'; path: string; headers?: Record<string, string>; body?: string },
  ): Promise<Answer> => {
    const { statusCode, headers, body } = await agent.request({ origin: base, ...options })
    const after = headers['retry-after']
    return {
      status: statusCode,
      retry_after: typeof after === 'string' ? after : undefined,
      text: await body.text(),
    }
  }
  return {
    upload: async (base, what) => {
      const answer = await send(base, {
        method: 'POST',
        path: '/api/bulk-transfers',
        headers: {
          'idempotency-key': what.key,
          'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
        },
        body: formOf(what),
      }).catch((error: unknown) => String(error))
      return typeof answer === 'string' ? { kind: 'lost', why: answer } : readAnswer(answer)
    },
    ask: (base, method, path) =>
      send(base, {
        method,
        path,
        ...(method === 'POST' ? { headers: { 'content-type': 'application/json' }, body: '{}' } : {}),
      }).catch((error: unknown) => ({ status: 0, retry_after: undefined, text: String(error) })),
    close: () => agent.destroy(),
  }
}

const formOf = ({ key, csv, payer_account }: Upload): string =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="payer_account"\r\n\r\n${payer_account}\r\n` +
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="${key}.csv"\r\ncontent-type: text/csv\r\n\r\n` +
  `${csv}\r\n--${BOUNDARY}--\r\n`

const PATIENT = new Set([409, 429, 503])

function readAnswer({ status, retry_after, text }: Answer): Said {
  if (status === 201) {
    const { bulkTransferId } = JSON.parse(text) as { bulkTransferId: string }
    return { kind: 'accepted', bulk_id: bulkTransferId }
  }
  const isProblem = text.startsWith('{') && text.includes('"code"')
  if (!PATIENT.has(status) || !isProblem || !/^\d+$/.test(retry_after ?? ''))
    return { kind: 'wrong', why: `${status}, retry-after ${retry_after ?? 'none'}: ${text.slice(0, 300)}` }
  return { kind: 'refused', status, retry_after_s: Number(retry_after) }
}
