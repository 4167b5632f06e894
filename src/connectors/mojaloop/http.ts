import { crashPoint } from '../../platform/crash-point.ts'
import type { Outbound, OutboundAnswer } from '../../platform/outbound.ts'

/** What became of one call to the adapter: an answer, surely nothing sent, or not known. */
export type HttpResult = HttpAnswer | Exclude<OutboundAnswer, { kind: 'answer' }>
export type HttpAnswer = { readonly kind: 'answer'; readonly status: number; readonly body: Buffer }

export type Http = {
  readonly call: (method: 'GET' | 'POST' | 'PUT', path: string, body?: object) => Promise<HttpResult>
  readonly close: () => Promise<void>
}

export type HttpOptions = {
  readonly url: string
  /** Longest wait for a whole answer, from the call to its last byte. */
  readonly timeout_ms: number
  readonly connections: number
  readonly outbound: Outbound
}

/** An answer of the adapter is about 5 kB; a longer one than this is not read to its end. */
const MAX_ANSWER_BYTES = 1_048_576
const HEADERS = ['content-type', 'application/json', 'accept', 'application/json']

/** One keep-alive pool to the scheme adapter, whose address may have a path. */
export function openHttp(options: HttpOptions): Http {
  const { outbound, timeout_ms, connections } = options
  const url = new URL(options.url)
  const base = url.pathname.replace(/\/+$/, '')
  const pool = outbound.pool(url.origin, { connections })
  return {
    call: (method, path, body) => {
      crashPoint('call.before-send')
      return pool.request({
        method,
        path: base + path,
        headers: HEADERS,
        timeout_ms,
        max_bytes: MAX_ANSWER_BYTES,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    },
    close: pool.close,
  }
}
