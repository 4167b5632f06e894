import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { Faults } from '../faults.ts'
import type { Boxes } from './boxes.ts'
import { readMail } from './mime.ts'
import { openSession } from './session.ts'
import type { Session } from './session.ts'

export type MailServer = { readonly server: Server; readonly closeConnections: () => void }

/** A line longer than this is cut off: RFC 5321 allows 1,000, some senders write more. */
const LONGEST_LINE = 65_536

/** A small SMTP server on plain TCP; what it takes is written down before it says so. */
export function openMailServer({
  boxes,
  faults,
}: {
  readonly boxes: Boxes
  readonly faults: Faults
}): MailServer {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined) // the other side has gone
    converse(socket, { boxes, faults })
  })
  return {
    server,
    closeConnections: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function converse(
  socket: Socket,
  { boxes, faults }: { readonly boxes: Boxes; readonly faults: Faults },
): void {
  // One byte for one character: the message is given on as it came.
  socket.setEncoding('latin1')
  const session: Session = openSession({
    strike: (step, to) => faults.strikeMail(step, to),
    take: (recipients, message, done) => {
      const { subject, text } = readMail(message)
      boxes.put(recipients, subject === '' ? text : `${subject}\n\n${text}`, done)
    },
    write: (line) => {
      if (!socket.destroyed && !socket.writableEnded) socket.write(`${line}\r\n`)
    },
    end: () => socket.end(),
    cut: () => socket.destroy(),
  })
  let rest = ''
  socket.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (!socket.writableEnded) session.hear(line)
    if (rest.length > LONGEST_LINE) socket.destroy()
  })
}
