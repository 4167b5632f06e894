/** Where a mail server is, and how it is spoken to. */
export type Place = {
  readonly host: string
  readonly port: number
  /** From the first byte (RFC 8314), by STARTTLS before anything else is said, or not at all on this machine. */
  readonly tls: 'at_once' | 'starttls' | 'none'
  readonly login: { readonly user: string; readonly pass: string } | undefined
}

const FORM = 'not an address such as smtps://user:password@host:465'
const LOOPBACK = /^(127(\.\d+){3}|\[::1\]|localhost)$/
const STARTTLS = '?tls=required'
const PORTS: Readonly<Record<Place['tls'], number>> = { at_once: 465, starttls: 587, none: 25 }

/** Why an address of a mail server cannot be used; undefined when it can. */
export function faultOfSmtpUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return FORM
  const { protocol, hostname, pathname, search } = new URL(text)
  if (hostname === '' || !/^\/?$/.test(pathname)) return FORM
  if (protocol === 'smtps:') return search === '' ? undefined : FORM
  if (protocol !== 'smtp:') return 'must begin with smtps://'
  if (search === STARTTLS) return undefined
  if (search !== '') return FORM
  return LOOPBACK.test(hostname)
    ? undefined
    : `smtp:// is for this machine only; use smtps://, or smtp://…${STARTTLS} for STARTTLS`
}

/** Reads an address. Throws when it cannot be used. */
export function placeOf(text: string): Place {
  const fault = faultOfSmtpUrl(text)
  if (fault !== undefined) throw new Error(`SMTP_URL: ${fault}`)
  const { protocol, hostname, port, search, username, password } = new URL(text)
  const tls = protocol === 'smtps:' ? 'at_once' : search === STARTTLS ? 'starttls' : 'none'
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? PORTS[tls] : Number(port),
    tls,
    login:
      username === ''
        ? undefined
        : { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
  }
}
