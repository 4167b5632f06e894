import type { Mail } from '../mail.ts'

/**
 * An address that can stand in a command and a header as it is: no spaces, no quotes, ASCII only (the extension for
 * others, RFC 6531, is rare).
 */
export const isAddress = (text: string): boolean =>
  text.length <= 254 && /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(text)

/**
 * The message as RFC 5322 wants it, ending in CRLF. The text goes in base64: no line is too long, none begins with a
 * dot, and no relay rewrites an accent.
 */
export function messageOf(
  { to, subject, text, id }: Mail,
  from: { address: string; name: string },
  at: Date,
): string {
  const host = from.address.slice(from.address.indexOf('@') + 1)
  return [
    `From: ${encodedWords(from.name)} <${from.address}>`,
    `To: <${to}>`,
    `Subject: ${encodedWords(subject)}`,
    `Date: ${at.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${id}@${host}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(text.replaceAll(/\r?\n/g, '\r\n'))
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
    '',
  ].join('\r\n')
}

/** 45 bytes make 60 characters: with its frame a word stays below the 75 of RFC 2047. */
const WORD_BYTES = 45

/** A header's text as encoded words, which no line end can break out of; no letter is cut in two. */
function encodedWords(text: string): string {
  const words: string[] = []
  let word = ''
  for (const letter of text) {
    if (Buffer.byteLength(word + letter) > WORD_BYTES) {
      words.push(word)
      word = ''
    }
    word += letter
  }
  return [...words, word].map((one) => `=?UTF-8?B?${Buffer.from(one).toString('base64')}?=`).join('\r\n ')
}
