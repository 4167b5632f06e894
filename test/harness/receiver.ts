import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { atEnd } from './ends.ts'
import { listen } from './listen.ts'

export type Received = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Receiver = {
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
}

/** Somebody's web server on loopback: keeps what it is sent and answers as told, by the number of the call from 1. */
export async function openReceiver(
  answer: (call: number, reply: ServerResponse) => void = (_, reply) => void reply.writeHead(204).end(),
): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.setEncoding('utf8').on('data', (piece: string) => void (body += piece))
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: single(request.headers), body })
      answer(received.length, reply)
    })
  })
  const port = await listen(server)
  atEnd(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${port}/hook`, port, received }
}

const single = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
