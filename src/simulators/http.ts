import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export type Exchange = {
  readonly method: string
  /** Path without its query. */
  readonly path: string
  readonly query: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly res: ServerResponse
}

const BODY_LIMIT = 32 * 1024 * 1024
const EMPTY = Buffer.alloc(0)

/** A bare HTTP server: reads the whole body, then calls `serve`. What `serve` throws goes to `failed`. */
export function openServer(
  serve: (exchange: Exchange) => void | Promise<void>,
  failed: (res: ServerResponse, error: Error) => void,
): Server {
  const run = (req: IncomingMessage, res: ServerResponse, body: Buffer): void => {
    const url = req.url ?? '/'
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    const query = mark < 0 ? '' : url.slice(mark + 1)
    try {
      const more = serve({ method: req.method ?? 'GET', path, query, headers: req.headers, body, res })
      if (more !== undefined) more.catch((error: unknown) => failed(res, asError(error)))
    } catch (error) {
      failed(res, asError(error))
    }
  }
  return createServer((req, res) => {
    if (req.method === 'GET' || req.method === 'HEAD') {
      run(req, res, EMPTY)
      return
    }
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    let size = 0
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > BODY_LIMIT) req.destroy()
      else if (first === undefined) first = chunk
      else (more ??= [first]).push(chunk)
    })
    req.on('end', () => run(req, res, more === undefined ? (first ?? EMPTY) : Buffer.concat(more)))
  })
}

/** Sends a body of text with its length; does nothing when the other side has gone. */
export function send(res: ServerResponse, status: number, type: string, body: string): void {
  if (res.destroyed || res.writableEnded) return
  const length = Buffer.byteLength(body)
  res.writeHead(status, ['Content-Type', type, 'Content-Length', String(length)])
  // As many bytes as characters: plain ASCII, which goes out much faster as such.
  res.end(body, length === body.length ? 'latin1' : 'utf8')
}

export const JSON_TYPE = 'application/json; charset=utf-8'

export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown))
