import { assertNoTransaction } from '../../platform/db.ts'
import type { MailAnswer, MailSender } from '../mail.ts'
import { deliver, type Progress } from './deliver.ts'
import { isAddress, messageOf } from './message.ts'
import { placeOf } from './place.ts'

export type SmtpOptions = {
  /**
   * smtps://user:password@host:465, with TLS from the first byte (RFC 8314 prefers it); smtp://…:587?tls=required where the
   * server offers STARTTLS alone; smtp:// only to a relay on this machine.
   */
  readonly url: string
  readonly from: { readonly address: string; readonly name: string }
  /** For the whole conversation. */
  readonly timeout_ms: number
}

/** Sends mail by SMTP (RFC 5321), one connection for each. Throws at once when the address cannot be used. */
export function openSmtp({ url, from, timeout_ms }: SmtpOptions): MailSender {
  const place = placeOf(url)
  return {
    name: 'smtp',
    send: async (mail) => {
      assertNoTransaction('a mail')
      if (!isAddress(mail.to)) return { kind: 'refused', because: 'NOT_AN_ADDRESS' }
      const message = await messageOf(mail, from, new Date())
      const progress: Progress = { step: 'the connection', is_handed_over: false }
      try {
        const reply = await deliver(
          place,
          { from: from.address, to: mail.to, message },
          { timeout_ms, progress },
        )
        return /^250[ -]/.test(reply) ? { kind: 'accepted' } : UNREADABLE
      } catch (error) {
        return answerOf(readTrouble(error), progress)
      }
    },
  }
}

const UNREADABLE: MailAnswer = { kind: 'unknown', because: 'no answer that can be read' }

/** What nodemailer tells of an error: a word, the command that was answered, the reply's code. */
type Trouble = {
  readonly code: string | undefined
  readonly command: string | undefined
  readonly reply: number | undefined
}

function readTrouble(error: unknown): Trouble {
  const told = error instanceof Error ? (error as Error & Readonly<Record<string, unknown>>) : undefined
  const word = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const reply = told?.['responseCode']
  return {
    code: word(told?.['originalCode']) ?? word(told?.['code']),
    command: word(told?.['command']),
    reply: typeof reply === 'number' ? reply : undefined,
  }
}

/** All that comes before the text may fail without a doubt: nothing was handed over. After it only its own reply is definite. */
function answerOf({ code, command, reply }: Trouble, progress: Progress): MailAnswer {
  if (progress.is_handed_over) {
    if (code !== 'EMESSAGE' || command !== 'DATA')
      return { kind: 'unknown', because: 'no answer to the text' }
    if (isLater(reply)) return unsent(reply, 'the text', false)
    return isNever(reply) ? { kind: 'refused', because: String(reply) } : UNREADABLE
  }
  if (reply === undefined)
    return {
      kind: 'unsent',
      because: `no connection to the mail server${code === undefined ? '' : ` (${code})`}`,
      about_us: false,
    }
  switch (command) {
    case 'RCPT TO':
      return isNever(reply)
        ? { kind: 'refused', because: String(reply) }
        : unsent(reply, 'the recipient', false)
    case 'EHLO':
    case 'HELO':
      return unsent(reply, 'EHLO', true)
    case 'CONN':
      return unsent(reply, progress.step, false)
    case 'MAIL FROM':
      return unsent(reply, 'the sender', !isLater(reply))
    case 'STARTTLS':
      return unsent(reply, 'STARTTLS', !isLater(reply))
    default:
      return unsent(reply, progress.step === 'the mail' ? 'DATA' : progress.step, !isLater(reply))
  }
}

const isLater = (reply: number | undefined): boolean => reply !== undefined && reply >= 400 && reply <= 499
const isNever = (reply: number | undefined): boolean => reply !== undefined && reply >= 500 && reply <= 599

const unsent = (reply: number | undefined, step: string, about_us: boolean): MailAnswer => ({
  kind: 'unsent',
  because: `${reply} to ${step}`,
  about_us,
})
