/** What a person reads of a mail. */
export type Read = { readonly subject: string; readonly text: string }

type Part = { readonly headers: ReadonlyMap<string, string>; readonly body: Buffer }

const DEEPEST = 3

/** Reads a message (RFC 5322, RFC 2045) as a simple mailbox does: its subject, and its first part of plain text. */
export function readMail(message: Buffer): Read {
  const part = split(message)
  return { subject: readWords(part.headers.get('subject') ?? ''), text: textOf(part, 0) ?? '' }
}

/** Headers by lower-case name, folded lines joined; then the body. Bytes are kept: `latin1` maps them one to one. */
function split(message: Buffer): Part {
  const text = message.toString('latin1')
  const end = /\r?\n\r?\n/.exec(text)
  const head = end === null ? text : text.slice(0, end.index)
  const headers = new Map<string, string>()
  for (const line of head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const found = /^([\w-]+)\s*:\s*(.*)$/.exec(line)
    if (found !== null) headers.set((found[1] ?? '').toLowerCase(), found[2] ?? '')
  }
  const body = end === null ? '' : text.slice(end.index + end[0].length)
  return { headers, body: Buffer.from(body, 'latin1') }
}

function textOf({ headers, body }: Part, depth: number): string | undefined {
  const type = headers.get('content-type') ?? 'text/plain'
  if (/^multipart\//i.test(type)) {
    const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1]
    if (boundary === undefined || depth >= DEEPEST) return undefined
    for (const piece of body.toString('latin1').split(`--${boundary}`).slice(1, -1)) {
      const text = textOf(split(Buffer.from(piece.replace(/^\r?\n/, ''), 'latin1')), depth + 1)
      if (text !== undefined) return text
    }
    return undefined
  }
  if (!/^text\/plain/i.test(type)) return undefined
  const charset = /charset="?([\w-]+)/i.exec(type)?.[1] ?? 'utf-8'
  const bytes = decode(headers.get('content-transfer-encoding') ?? '7bit', body)
  return inCharset(bytes, charset).replaceAll('\r\n', '\n').trimEnd()
}

function decode(encoding: string, body: Buffer): Buffer {
  if (/base64/i.test(encoding)) return Buffer.from(body.toString('latin1'), 'base64')
  if (/quoted-printable/i.test(encoding))
    return unquote(body.toString('latin1').replaceAll(/[ \t]*=\r?\n/g, ''))
  return body
}

const unquote = (text: string): Buffer =>
  Buffer.from(
    text.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )

const inCharset = (bytes: Buffer, charset: string): string =>
  bytes.toString(/^(iso-8859-1|latin1|windows-1252)$/i.test(charset) ? 'latin1' : 'utf8')

/** Encoded words of a header (RFC 2047); the space between two of them is not part of the text. */
function readWords(header: string): string {
  return header
    .replaceAll(/(\?=)\s+(=\?)/g, '$1$2')
    .replaceAll(/=\?([\w-]+)\?([BQ])\?([^?]*)\?=/gi, (_, charset: string, kind: string, text: string) => {
      const bytes = /b/i.test(kind) ? Buffer.from(text, 'base64') : unquote(text.replaceAll('_', ' '))
      return inCharset(bytes, charset)
    })
}
