import { connect, createServer, type Socket } from 'node:net'
import { listen } from './listen.ts'

export type TcpProxy = {
  readonly port: number
  /** How many links have an end that is still open. */
  readonly links: () => number
  /** Resets both ends of every link. */
  readonly reset: () => void
  /** The same, and listens no more. */
  readonly close: () => Promise<void>
}

/** The end of a link that has closed. */
export type End = 'client' | 'server'

/** Passes the bytes of one link on. It may answer who is to act when an end has closed, in the place of `destroySoon`. */
export type Carry = (client: Socket, server: Socket) => ((closed: End) => void) | undefined

export type TcpProxyOptions = {
  /** The address of the server that it stands before; asked at each connection, for a server may move. */
  readonly target: () => string
  /** An end that has said all may still listen: `carry` then passes 'end' on. */
  readonly half_open?: boolean
}

/**
 * A TCP proxy on a free port of 127.0.0.1: whoever connects is linked to the target, and `carry` decides what passes.
 * When one end closes, the other gets what was written to it, and is closed.
 */
export async function openTcpProxy(
  { target, half_open = false }: TcpProxyOptions,
  carry: Carry,
): Promise<TcpProxy> {
  const sockets = { noDelay: true, allowHalfOpen: half_open }
  const links = new Set<readonly Socket[]>()
  const listener = createServer(sockets, (client) => {
    const { hostname, port } = new URL(target())
    const server = connect({ host: hostname, port: Number(port), ...sockets })
    const link = [client, server]
    links.add(link)
    const closed = carry(client, server)
    const join = (from: Socket, to: Socket, end: End): void => {
      from.on('error', () => undefined) // 'close' follows
      from.once('close', () => {
        if (closed === undefined) to.destroySoon()
        else closed(end)
        if (link.every((socket) => socket.closed)) links.delete(link)
      })
    }
    join(client, server, 'client')
    join(server, client, 'server')
  })
  const reset = (): void => {
    for (const socket of [...links].flat()) socket.resetAndDestroy()
  }
  return {
    port: await listen(listener),
    links: () => links.size,
    reset,
    close: async () => {
      const over = new Promise((resolve) => listener.close(resolve))
      reset()
      await over
    },
  }
}

/** A server's address through the proxy before it. */
export function withPort(url: string, port: number): string {
  const through = new URL(url)
  through.port = String(port)
  return through.href
}
