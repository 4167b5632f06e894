import { createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { listen } from './listen.ts'

/** What a mail server says to each command, by its verb; `GREETING` unasked, `.` to the text. */
export type Script = Readonly<Record<string, string>>

export type ScriptedSmtp = {
  readonly port: number
  /** Each line that was heard: as it came in plain, after `tls ` where it came over TLS. The text's lines too. */
  readonly heard: readonly string[]
  readonly close: () => Promise<void>
}

/** Ends a reply after which the server cuts the connection, with or without the end of its line. */
export const CUT = '\0'

const POLITE: Script = {
  GREETING: '220 scripted ESMTP\r\n',
  EHLO: '250-scripted\r\n250 AUTH PLAIN LOGIN\r\n',
  STARTTLS: '220 go\r\n',
  AUTH: '235 welcome\r\n',
  MAIL: '250 ok\r\n',
  RCPT: '250 ok\r\n',
  DATA: '354 go\r\n',
  '.': '250 taken\r\n',
}

/** A mail server on a free port that says what the script says, byte for byte, and else what a polite one does. */
export async function scriptedSmtp(
  script: Script = {},
  { tls = false }: { readonly tls?: boolean } = {},
): Promise<ScriptedSmtp> {
  const heard: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    if (tls) converse(secured(socket), { ...POLITE, ...script }, { heard, mark: 'tls ' })
    else converse(socket, { ...POLITE, ...script }, { heard, mark: '' })
  })
  return {
    port: await listen(server),
    heard,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const secured = (socket: Socket): Socket =>
  new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext({ key: KEY, cert: CERTIFICATE }),
  })

function converse(
  socket: Socket,
  script: Script,
  { heard, mark, is_greeted = false }: { heard: string[]; mark: string; is_greeted?: boolean },
): void {
  let rest = ''
  let is_text = false
  const say = (verb: string): void => {
    const words = script[verb] ?? '500 what\r\n'
    socket.write(words.replace(CUT, ''), 'latin1')
    if (words.endsWith(CUT)) socket.end()
  }
  const hear = (chunk: Buffer): void => {
    const lines = (rest + chunk.toString('latin1')).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      heard.push(mark + line)
      if (is_text && line !== '.') continue
      const verb = is_text ? '.' : (line.split(' ')[0] ?? '')
      say(verb)
      is_text = verb === 'DATA' && (script['DATA'] ?? '').startsWith('354')
      if (verb !== 'STARTTLS' || !(script['STARTTLS'] ?? '').startsWith('220')) continue
      socket.off('data', hear)
      converse(secured(socket), script, { heard, mark: 'tls ', is_greeted: true })
    }
  }
  socket.on('error', () => undefined).on('data', hear)
  if (!is_greeted) say('GREETING')
}

/** Of 127.0.0.1 and localhost, made for these tests alone. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5uTHUcK/NB0DU9R6
BudbIc08NXtMB04mgxSCQ7mAVB+hRANCAATSCuJoz5J2rRPOIcbD8fzxVBrEoa5P
2vsKTqfukpPdf9Boncc9SgzwHanBowSdqUkBs3Ehg0ymg7ByIG5uV3dl
-----END PRIVATE KEY-----`
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUMla4ugL4XmiIH+0UUHldiQqpq0gwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTE4NTY0NVoYDzIxMjYxMTA1
MTg1NjQ1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATSCuJoz5J2rRPOIcbD8fzxVBrEoa5P2vsKTqfukpPdf9Boncc9Sgzw
HanBowSdqUkBs3Ehg0ymg7ByIG5uV3dlo28wbTAdBgNVHQ4EFgQUHyZBEzIWzISJ
kPduizcZuQlBuF0wHwYDVR0jBBgwFoAUHyZBEzIWzISJkPduizcZuQlBuF0wGgYD
VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI
zj0EAwIDSAAwRQIhANhOkpr+U74kImFWyGJoUYL1y5FdBB6+Hu7+Az4CJ8FPAiBt
u7T2G2MCg/kX/BHmUkVLu/C0e+PLGTkJMLRw3lyfUQ==
-----END CERTIFICATE-----`
