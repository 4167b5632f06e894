import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** A reply of the server: its code, and its lines without it. */
export type Reply = { readonly code: number; readonly lines: readonly string[] }

/** A conversation in SMTP: one command, one reply. Whatever goes wrong rejects; who opened it reads that. */
export type Dialogue = {
  /** The first reply, which comes unasked. */
  readonly greeting: Promise<Reply>
  readonly say: (command: string) => Promise<Reply>
  readonly close: () => void
}

export type Place = {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** For the whole conversation. */
  readonly timeout_ms: number
}

const MOST_CHARACTERS = 65_536

export function openDialogue({ host, port, tls, timeout_ms }: Place): Dialogue {
  let waiting: PromiseWithResolvers<Reply> | undefined
  let trouble: Error | undefined
  let heard = ''
  const socket = tls ? connectTls({ host, port }) : connectTcp({ host, port })
  const fail = (error: Error): void => {
    trouble ??= error
    waiting?.reject(trouble)
    waiting = undefined
    socket.destroy()
  }
  const reply = (): Promise<Reply> => {
    if (trouble !== undefined) return Promise.reject(trouble)
    waiting = Promise.withResolvers<Reply>()
    return waiting.promise
  }
  const greeting = reply()
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1')
    if (heard.length > MOST_CHARACTERS) return fail(new Error('the reply is too long'))
    const end = /(?:^|\r\n)(\d{3})(?: [^\r\n]*)?\r\n/.exec(heard)
    if (end === null) return
    const text = heard.slice(0, end.index + end[0].length)
    heard = heard.slice(text.length)
    // A reply that nobody asked for would be taken for the answer to what is said next.
    if (waiting === undefined || heard !== '') return fail(new Error('more replies than commands'))
    const { resolve } = waiting
    waiting = undefined
    resolve({
      code: Number(end[1]),
      lines: text
        .trimEnd()
        .split('\r\n')
        .map((line) => line.slice(4)),
    })
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the connection was closed')))
  const timer = setTimeout(() => fail(new Error(`no end within ${timeout_ms} ms`)), timeout_ms)
  return {
    greeting,
    say: (command) => {
      const coming = reply()
      if (trouble === undefined) socket.write(`${command}\r\n`)
      return coming
    },
    close: () => {
      clearTimeout(timer)
      trouble ??= new Error('closed')
      socket.destroy()
    },
  }
}
