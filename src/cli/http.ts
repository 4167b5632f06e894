import { request as plainRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { exits } from './exits.ts'
import { Stop } from './stop.ts'
import { COLON, language } from './words.ts'

export type Call = {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is produced, in constant memory. */
  readonly body?: AsyncIterable<Buffer>
  /** Longest silence of the other side once the request is sent. */
  readonly silence_ms?: number
  readonly signal?: AbortSignal
}

/** The connection failed: `sent` when bytes of the request may have arrived. */
export class Unreachable extends Error {
  readonly sent: boolean
  constructor(sent: boolean, cause: Error) {
    super(cause.message !== '' ? cause.message : 'code' in cause ? String(cause.code) : cause.name, { cause })
    this.sent = sent
  }
}

/**
 * Sends a request to Cauri's own API and answers as soon as the answer begins, even while the body is still being
 * sent: a refusal need not wait for 100 MB. On one connection that is not kept. Throws `Unreachable`.
 */
export function send(call: Call): Promise<IncomingMessage> {
  const { url, method, body, silence_ms, signal } = call
  const headers = { 'accept-language': language, ...call.headers }
  const open = url.protocol === 'https:' ? tlsRequest : plainRequest
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) }
    const request: ClientRequest = open(url, options)
    let sent = false
    request.once('socket', (socket) => socket.once('connect', () => (sent = true)))
    request.once('response', resolve)
    // After an answer has begun, a broken upload no longer matters: the promise is settled.
    request.on('error', (error) => reject(new Unreachable(sent, error)))
    if (silence_ms !== undefined)
      request.setTimeout(silence_ms, () => request.destroy(new Error(`silent for ${silence_ms} ms`)))
    if (body === undefined) request.end()
    else pipeline(body, request).catch((error: Error) => reject(new Unreachable(sent, error)))
  })
}

const problem = z.object({
  title: z.string(),
  detail: z.string().optional(),
  code: z.string(),
  errors: z
    .array(
      z.object({
        line: z.number().optional(),
        column: z.string().optional(),
        pointer: z.string().optional(),
        code: z.string().optional(),
        detail: z.string(),
      }),
    )
    .optional(),
  error_count: z.number().optional(),
})

/** Reads an answer's JSON. A problem document becomes a `Stop` with its code. */
export async function readAnswer(response: IncomingMessage): Promise<unknown> {
  const status = response.statusCode ?? 0
  const body = parse(await textOf(response))
  if (status >= 200 && status <= 299 && body !== undefined) return body
  const said = problem.safeParse(body)
  if (!said.success)
    throw new Stop(exits.failed, {
      en: `what answers there is not Cauri (HTTP ${status})`,
      fr: `ce qui répond à cette adresse n’est pas Cauri (HTTP ${status})`,
    })
  const { title, detail, code, errors = [], error_count } = said.data
  const text = detail === undefined ? title : `${title}${COLON}${detail}`
  const faults = errors.map((fault) => ({
    detail: fault.detail,
    ...(fault.line === undefined ? {} : { line: fault.line }),
    ...(fault.column === undefined ? {} : { column: fault.column }),
    ...(fault.pointer === undefined ? {} : { pointer: fault.pointer }),
    ...(fault.code === undefined ? {} : { code: fault.code }),
  }))
  throw new Stop(
    status >= 500 ? exits.failed : exits.refused,
    { en: text, fr: text },
    { code, errors: faults, ...(error_count === undefined ? {} : { error_count }) },
  )
}

const MOST_BYTES = 16_777_216

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += String(chunk)
    if (text.length > MOST_BYTES) throw new Error(`the answer is longer than ${MOST_BYTES} characters`)
  }
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // an HTML page of something in between
  }
}
