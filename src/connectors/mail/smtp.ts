import { assertNoTransaction } from '../../platform/db.ts'
import type { Mail, MailAnswer, MailSender } from '../mail.ts'
import { openDialogue, type Dialogue, type Reply } from './dialogue.ts'
import { isAddress, messageOf } from './message.ts'

export type SmtpOptions = {
  /**
   * smtps://user:password@host:465, with TLS from the first byte (RFC 8314 prefers it to STARTTLS); smtp:// only to a
   * relay on this machine.
   */
  readonly url: string
  readonly from: { readonly address: string; readonly name: string }
  readonly timeout_ms: number
}

const LOOPBACK = /^(127(\.\d+){3}|\[::1\]|localhost)$/

/** Why an address of a mail server cannot be used; undefined when it can. */
export function faultOfSmtpUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'not an address such as smtps://user:password@host:465'
  const { protocol, hostname, pathname } = new URL(text)
  if (hostname === '' || !/^\/?$/.test(pathname))
    return 'not an address such as smtps://user:password@host:465'
  if (protocol === 'smtps:') return undefined
  if (protocol !== 'smtp:') return 'must begin with smtps://'
  return LOOPBACK.test(hostname) ? undefined : 'smtp:// is for this machine only; use smtps://'
}

/** Sends mail by SMTP (RFC 5321), one connection for each. Throws at once when the address cannot be used. */
export function openSmtp({ url: text, from, timeout_ms }: SmtpOptions): MailSender {
  const fault = faultOfSmtpUrl(text)
  if (fault !== undefined) throw new Error(`SMTP_URL: ${fault}`)
  const url = new URL(text)
  const tls = url.protocol === 'smtps:'
  const place = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tls ? 465 : 25) : Number(url.port),
    tls,
    timeout_ms,
  }
  const login =
    url.username === ''
      ? undefined
      : `\0${decodeURIComponent(url.username)}\0${decodeURIComponent(url.password)}`
  return {
    name: 'smtp',
    send: async (mail) => {
      assertNoTransaction('a mail')
      if (!isAddress(mail.to)) return { kind: 'refused', because: 'NOT_AN_ADDRESS' }
      const dialogue = openDialogue(place)
      try {
        return await deliver(dialogue, mail, { from, login })
      } finally {
        dialogue.close()
      }
    },
  }
}

type Sender = { readonly from: SmtpOptions['from']; readonly login: string | undefined }

/** All that comes before the text may fail without a doubt: nothing was handed over. */
async function deliver(dialogue: Dialogue, mail: Mail, sender: Sender): Promise<MailAnswer> {
  let is_handed_over = false
  try {
    const early = await prepare(dialogue, mail.to, sender)
    if (early !== undefined) return early
    is_handed_over = true
    // base64 and encoded words: no line of it begins with a dot.
    const reply = await dialogue.say(`${messageOf(mail, sender.from, new Date())}.`)
    if (reply.code === 250) return { kind: 'accepted' }
    if (isLater(reply)) return unsent(reply, 'the text', false)
    return isNever(reply)
      ? { kind: 'refused', because: String(reply.code) }
      : { kind: 'unknown', because: 'no answer that can be read' }
  } catch (error) {
    // Time-out, reset, nobody there, a certificate that is not trusted: what it means depends only on how far we were.
    return is_handed_over
      ? { kind: 'unknown', because: 'no answer to the text' }
      : { kind: 'unsent', because: `no connection to the mail server${codeOf(error)}`, about_us: false }
  }
}

/** From the greeting to the server's leave to send the text; an answer when it does not come so far. */
async function prepare(
  dialogue: Dialogue,
  to: string,
  { from, login }: Sender,
): Promise<MailAnswer | undefined> {
  const greeting = await dialogue.greeting
  if (greeting.code !== 220) return unsent(greeting, 'the greeting', false)
  const hello = await dialogue.say('EHLO [127.0.0.1]')
  if (hello.code !== 250) return unsent(hello, 'EHLO', true)
  if (login !== undefined) {
    const said = await dialogue.say(`AUTH PLAIN ${Buffer.from(login).toString('base64')}`)
    if (said.code !== 235) return unsent(said, 'the credentials', !isLater(said))
  }
  const mail = await dialogue.say(`MAIL FROM:<${from.address}>`)
  if (mail.code !== 250) return unsent(mail, 'the sender', !isLater(mail))
  const recipient = await dialogue.say(`RCPT TO:<${to}>`)
  if (recipient.code !== 250 && recipient.code !== 251)
    return isNever(recipient)
      ? { kind: 'refused', because: String(recipient.code) }
      : unsent(recipient, 'the recipient', false)
  const data = await dialogue.say('DATA')
  return data.code === 354 ? undefined : unsent(data, 'DATA', !isLater(data))
}

/** ` (ECONNREFUSED)`, ` (DEPTH_ZERO_SELF_SIGNED_CERT)`: what helps an operator, and no sentence. */
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''

const isLater = ({ code }: Reply): boolean => code >= 400 && code <= 499
const isNever = ({ code }: Reply): boolean => code >= 500 && code <= 599

const unsent = ({ code }: Reply, step: string, about_us: boolean): MailAnswer => ({
  kind: 'unsent',
  because: `${code} to ${step}`,
  about_us,
})
