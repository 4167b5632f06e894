import { onTestFinished } from 'vitest'
import { openTcpProxy, withPort } from './tcp-proxy.ts'

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
  let words: Buffer | undefined
  let eaten = 0
  const proxy = await openTcpProxy({ target: () => url }, (client, server) => {
    let marked = false
    let committing = false
    client.on('data', (chunk: Buffer) => {
      if (words !== undefined && chunk.includes(words)) {
        marked = true
        words = undefined
      }
      if (marked && chunk.includes(COMMIT)) committing = true
      server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      if (!committing) return void client.write(chunk)
      eaten += 1
      client.destroy()
      server.destroy()
    })
    return undefined
  })
  onTestFinished(proxy.close)
  return {
    url: withPort(url, proxy.port),
    eat: (next) => void (words = Buffer.from(next)),
    eaten: () => eaten,
  }
}
