import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export type CommitEater = {
  /** The database, reached through the eater. */
  readonly url: string
  /** The next transaction that sends these words commits, and its client never hears of it: the connection breaks. */
  readonly eat: (words: string) => void
  readonly eaten: () => number
}

const COMMIT = Buffer.from('commit\0')

/** A TCP proxy before PostgreSQL that can lose the answer to a COMMIT which the server has carried out. Lives as long as its test. */
export async function openCommitEater(url: string): Promise<CommitEater> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let words: Buffer | undefined
  let eaten = 0
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    let marked = false
    let committing = false
    client.on('data', (chunk: Buffer) => {
      if (words !== undefined && chunk.includes(words)) {
        marked = true
        words = undefined
      }
      if (marked && chunk.includes(COMMIT)) committing = true
      upstream.write(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      if (!committing) return void client.write(chunk)
      eaten += 1
      client.destroy()
      upstream.destroy()
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected an address with a port')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const through = new URL(url)
  through.port = String(address.port)
  return { url: through.href, eat: (next) => void (words = Buffer.from(next)), eaten: () => eaten }
}
