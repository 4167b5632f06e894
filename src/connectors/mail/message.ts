import MailComposer from 'nodemailer/lib/mail-composer'
import type { Mail } from '../mail.ts'

/**
 * An address that can stand in a command and a header as it is: no spaces, no quotes, ASCII only (the extension for
 * others, RFC 6531, is rare).
 */
export const isAddress = (text: string): boolean =>
  text.length <= 254 && /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(text)

/** RFC 5322 §2.1.1 allows 998 characters in a line; a word cannot be folded. */
const MOST_CHARACTERS = 900

/** One line without control characters: nothing of it can be taken for the end of a header. */
export const oneLine = (text: string): string =>
  text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MOST_CHARACTERS)

/**
 * The message as RFC 5322 wants it, ending in CRLF. The text goes in base64: no line is too long, none begins with a
 * dot, and no relay rewrites an accent.
 */
export function messageOf(
  { to, subject, text, id }: Mail,
  from: { readonly address: string; readonly name: string },
  at: Date,
): Promise<Buffer> {
  const host = from.address.slice(from.address.indexOf('@') + 1)
  return new MailComposer({
    from: { name: oneLine(from.name), address: from.address },
    to: { name: '', address: to },
    subject: oneLine(subject),
    date: at,
    messageId: `<${id}@${host}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    // As bytes: an empty string would be taken for no content at all.
    text: { content: Buffer.from(text.replaceAll(/\r?\n/g, '\r\n')), contentTransferEncoding: 'base64' },
    textEncoding: 'base64',
    // A text is a text, whatever it looks like: nothing is read from a file or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build()
}
