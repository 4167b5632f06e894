import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { Place } from './place.ts'

/** How far a conversation came: what its end means depends on nothing else. */
export type Progress = {
  step: 'the connection' | 'the greeting' | 'the credentials' | 'the mail'
  /** The server gave leave to send the text, and it began to leave. */
  is_handed_over: boolean
}

export type Letter = { readonly from: string; readonly to: string; readonly message: Buffer }

const LONGEST_REPLY = 65_536

/** How a conversation breaks off, whoever notices it first. */
type Broken = PromiseWithResolvers<never>

/**
 * One conversation for one letter, by nodemailer's own connection; answers the server's reply to the text. Rejects with
 * nodemailer's error, or the socket's; `progress` says how far it came.
 */
export async function deliver(
  place: Place,
  letter: Letter,
  { timeout_ms, progress }: { readonly timeout_ms: number; readonly progress: Progress },
): Promise<string> {
  const broken: Broken = Promise.withResolvers()
  broken.promise.catch(() => undefined) // it may come when nobody waits any more
  // nodemailer limits each step, which a server that says a letter now and then would never reach.
  const late = setTimeout(() => broken.reject(new Error(`no end within ${timeout_ms} ms`)), timeout_ms)
  const { host, port, tls } = place
  const socket = tls === 'at_once' ? connectTls({ host, port }) : connectTcp({ host, port })
  socket.on('error', broken.reject)
  const connection = new SMTPConnection({ ...optionsFor(place, timeout_ms), connection: socket })
  try {
    await Promise.race([broken.promise, once(socket, tls === 'at_once' ? 'secureConnect' : 'connect')])
    return await converse(connection, { socket, broken, place, letter, progress })
  } finally {
    clearTimeout(late)
    connection.close()
    socket.destroy()
  }
}

const optionsFor = ({ tls, host }: Place, timeout_ms: number): SMTPConnection.Options => ({
  secure: tls === 'at_once',
  secured: tls === 'at_once',
  requireTLS: tls === 'starttls',
  ignoreTLS: tls === 'none',
  host,
  name: '[127.0.0.1]',
  connectionTimeout: timeout_ms,
  greetingTimeout: timeout_ms,
  socketTimeout: timeout_ms,
  socketCloseTimeout: 0,
  maxResponseSize: LONGEST_REPLY,
  logger: false,
})

type Talk = {
  readonly socket: Socket
  readonly broken: Broken
  readonly place: Place
  readonly letter: Letter
  readonly progress: Progress
}

async function converse(
  connection: SMTPConnection,
  { socket, broken, place, letter, progress }: Talk,
): Promise<string> {
  connection.once('error', broken.reject)
  // Later than nodemailer's own word on it, which it may say after the end.
  connection.once('end', () => setImmediate(() => broken.reject(new Error('the connection was closed'))))
  const step = <T>(ask: (done: Done<T>) => void): Promise<T | undefined> =>
    Promise.race([broken.promise, answerTo(ask)])
  progress.step = 'the greeting'
  if (place.tls !== 'starttls') {
    takeTurns(socket, { progress, broken, owed: 1 })
    socket.pause() // until nodemailer listens too: it resumes it
  }
  await step((done) => connection.connect(done))
  // What was said in plain is forgotten by then.
  if (place.tls === 'starttls' && connection._socket)
    takeTurns(connection._socket, { progress, broken, owed: 0 })
  const { login } = place
  if (login !== undefined) {
    progress.step = 'the credentials'
    await step((done) => connection.login({ credentials: login }, done))
  }
  progress.step = 'the mail'
  const { from, to, message } = letter
  const info = await step<{ response: string }>((done) =>
    connection.send({ from, to: [to] }, textOf(message, connection, progress), done),
  )
  return info?.response ?? ''
}

type Done<T> = (error?: Error | null, result?: T) => void

const answerTo = <T>(ask: (done: Done<T>) => void): Promise<T | undefined> =>
  new Promise((resolve, reject) => ask((error, result) => (error ? reject(error) : resolve(result))))

/**
 * The message, read only when the server has answered DATA: by that it is known whether anything was handed over.
 * nodemailer would take a 250 there for leave to send it, and the text would be heard as commands.
 */
const textOf = (message: Buffer, connection: SMTPConnection, progress: Progress): Readable =>
  new Readable({
    read() {
      const said = connection.lastServerResponse || ''
      if (!/^354[ -]/.test(said)) {
        const error = new Error('no leave to send the text')
        this.destroy(Object.assign(error, { responseCode: Number(said.slice(0, 3)) }))
        return
      }
      progress.is_handed_over = true
      this.push(message)
      this.push(null)
    },
  })

/**
 * Breaks off when more replies come than were asked for (`owed`, and one for each command): one that nobody asked for would
 * be taken for the answer to what is said next, a 250 among them for the mail's.
 */
function takeTurns(
  socket: Socket,
  { progress, broken, owed }: Pick<Talk, 'progress' | 'broken'> & { readonly owed: number },
): void {
  const write = socket.write.bind(socket)
  let open = owed
  let is_text_counted = false
  let heard = ''
  socket.write = ((...what: Parameters<Socket['write']>): boolean => {
    // nodemailer writes each command in one piece, and the text, which has one reply, in several.
    if (!is_text_counted) open += 1
    is_text_counted = progress.is_handed_over
    return write(...what)
  }) as Socket['write']
  socket.prependListener('data', (chunk: Buffer) => {
    const lines = (heard + chunk.toString('latin1')).split('\n')
    heard = (lines.pop() ?? '').slice(0, LONGEST_REPLY)
    open -= lines.filter((line) => line.trim() !== '' && !/^\d+-/.test(line)).length
    if (open >= 0) return
    broken.reject(new Error('more replies than commands'))
    socket.destroy()
  })
}
