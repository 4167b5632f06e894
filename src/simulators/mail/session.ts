import type { MailFault, MailStep } from './fault-kinds.ts'

export const MOST_BYTES = 1_048_576
const MOST_RECIPIENTS = 100

/** What one connection needs of the world. */
export type SessionWorld = {
  /** What strikes this step; `to` is the recipient, empty where there is none yet. */
  readonly strike: (step: MailStep, to: string) => MailFault | undefined
  /** Puts a mail into the boxes and tells when it is kept. */
  readonly take: (recipients: readonly string[], message: Buffer, done: () => void) => void
  readonly write: (line: string) => void
  /** Says goodbye, or cuts. */
  readonly end: () => void
  readonly cut: () => void
}

/** One conversation (RFC 5321), fed line by line, each without its CRLF. */
export type Session = { readonly hear: (line: string) => void }

type Envelope = {
  sender: string | undefined
  recipients: string[]
  text: string[] | undefined
  bytes: number
}

const CREDENTIALS = Buffer.from('\0sandbox\0sandbox').toString('base64')

type State = {
  readonly world: SessionWorld
  envelope: Envelope
  /** Who hears the next line, where it is no command. */
  next: ((line: string) => void) | undefined
  greeted: boolean
}
type Commands = Readonly<Record<string, (rest: string) => void>>

/**
 * EHLO, AUTH PLAIN and LOGIN (both optional; when used, user `sandbox` and password `sandbox`), MAIL, RCPT, DATA, RSET,
 * NOOP, QUIT; SIZE. Only CRLF ends a line, so that nothing can be smuggled behind a bare one.
 */
export function openSession(world: SessionWorld): Session {
  const { write } = world
  const state: State = { world, envelope: emptyEnvelope(), next: undefined, greeted: false }
  const commands: Commands = { ...plainCommands(state), ...mailCommands(state) }
  if (world.strike('greeting', '') === undefined) write('220 sandbox ESMTP')
  else {
    write('421 4.3.2 Busy')
    world.end()
  }
  return {
    hear: (line) => {
      if (state.envelope.text !== undefined) return hearText(state, line)
      if (state.next !== undefined) return state.next(line)
      const [, verb = '', rest = ''] = /^([A-Za-z]+) ?(.*)$/.exec(line) ?? []
      const name = verb.toUpperCase()
      const command = Object.hasOwn(commands, name) ? commands[name] : undefined
      if (command === undefined) return write('500 5.5.2 Command not recognised')
      command(rest)
    },
  }
}

function plainCommands(state: State): Commands {
  const { write, end } = state.world
  const reset = (): void => {
    state.envelope = emptyEnvelope()
  }
  return {
    EHLO: () => {
      state.greeted = true
      reset()
      for (const line of ['250-sandbox', `250-SIZE ${MOST_BYTES}`, '250-8BITMIME', '250 AUTH PLAIN LOGIN'])
        write(line)
    },
    HELO: () => {
      state.greeted = true
      write('250 sandbox')
    },
    AUTH: (rest) => authenticate(state, rest),
    RSET: () => {
      reset()
      write('250 2.0.0 OK')
    },
    NOOP: () => write('250 2.0.0 OK'),
    QUIT: () => {
      write('221 2.0.0 Bye')
      end()
    },
  }
}

function authenticate(state: State, rest: string): void {
  const { write, strike } = state.world
  const done = (is_right: boolean): void => {
    state.next = undefined
    write(is_right && strike('auth', '') === undefined ? '235 2.7.0 Welcome' : '535 5.7.8 Refused')
  }
  const [method = '', initial] = rest.split(' ')
  if (/^PLAIN$/i.test(method)) {
    if (initial !== undefined) return done(initial === CREDENTIALS)
    write('334 ')
    state.next = (line) => done(line === CREDENTIALS)
  } else if (/^LOGIN$/i.test(method)) {
    write(`334 ${word('Username:')}`)
    state.next = (user) => {
      write(`334 ${word('Password:')}`)
      state.next = (password) => done(user === word('sandbox') && password === word('sandbox'))
    }
  } else write('504 5.5.4 PLAIN or LOGIN')
}

function mailCommands(state: State): Commands {
  const { write, strike } = state.world
  return {
    MAIL: (rest) => {
      const sender = /^FROM:<([^<>]*)>/i.exec(rest)?.[1]
      if (!state.greeted || state.envelope.sender !== undefined)
        return write('503 5.5.1 Bad sequence of commands')
      if (sender === undefined) return write('501 5.5.4 Syntax: MAIL FROM:<address>')
      if (Number(/ SIZE=(\d+)/i.exec(rest)?.[1] ?? 0) > MOST_BYTES) return write('552 5.3.4 Too large')
      state.envelope.sender = sender
      write('250 2.1.0 OK')
    },
    RCPT: (rest) => {
      const { sender, recipients } = state.envelope
      const to = /^TO:<([^<>\s]+@[^<>\s]+)>/i.exec(rest)?.[1]
      if (sender === undefined) return write('503 5.5.1 MAIL first')
      if (to === undefined) return write('501 5.5.4 Syntax: RCPT TO:<address>')
      if (recipients.length >= MOST_RECIPIENTS) return write('452 4.5.3 Too many recipients')
      const fault = strike('recipient', to)
      if (fault === 'greylisted') return write('450 4.2.0 Greylisted, come back later')
      if (fault !== undefined) return write(`550 5.1.1 <${to}> no such mailbox`)
      recipients.push(to)
      write('250 2.1.5 OK')
    },
    DATA: () => {
      if (state.envelope.recipients.length === 0) return write('503 5.5.1 RCPT first')
      state.envelope.text = []
      write('354 End with <CR><LF>.<CR><LF>')
    },
  }
}

/** What is too long is heard to its end, and forgotten. */
function hearText(state: State, line: string): void {
  const { envelope } = state
  if (line === '.') {
    state.envelope = emptyEnvelope()
    return endData(state.world, envelope)
  }
  envelope.bytes += line.length + 2
  if (envelope.bytes <= MOST_BYTES) envelope.text?.push(line.startsWith('.') ? line.slice(1) : line)
}

function endData(world: SessionWorld, { recipients, text, bytes }: Envelope): void {
  const { write } = world
  if (bytes > MOST_BYTES) return write('552 5.3.4 Too large')
  const message = Buffer.from((text ?? []).join('\r\n'), 'latin1')
  const take = (done: () => void): void => world.take(recipients, message, done)
  switch (world.strike('data', recipients[0] ?? '')) {
    case 'data_busy':
      return write('451 4.3.0 Try again later')
    case 'data_refused':
      return write('554 5.7.1 Refused')
    case 'init_lost_request':
      return world.cut()
    case 'init_lost_response':
      return take(world.cut)
    case 'silence':
      return
    default:
      return take(() => write('250 2.0.0 Taken'))
  }
}

const emptyEnvelope = (): Envelope => ({ sender: undefined, recipients: [], text: undefined, bytes: 0 })

const word = (text: string): string => Buffer.from(text).toString('base64')
