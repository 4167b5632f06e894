import type { Server } from 'node:http'
import type { AddressInfo, Server as TcpServer } from 'node:net'

/** A predecessor that was killed may hold its port for a moment. */
const PATIENCE_MS = 3000

/**
 * Listens on 127.0.0.1 and gives the port (0 chooses a free one). A port that stays taken for three seconds is an error
 * that names the port and the environment variable that changes it.
 */
export async function listen(server: Server, port: number, variable: string): Promise<number> {
  // Clients keep their connections; ours must not be the side that closes one that a client is about to use.
  server.keepAliveTimeout = 300_000
  server.headersTimeout = 310_000
  server.requestTimeout = 0
  return listenTcp(server, port, variable)
}

/** The same for a server of another protocol. */
export async function listenTcp(server: TcpServer, port: number, variable: string): Promise<number> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const error = await tryListen(server, port)
    if (error === undefined) return (server.address() as AddressInfo).port
    if (error.code !== 'EADDRINUSE' || Date.now() > deadline) throw cannotListen(error, port, variable)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Stops a server and cuts what is still connected. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function tryListen(server: TcpServer, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return await new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off('listening', done)
      resolve(error)
    }
    const done = (): void => {
      server.off('error', failed)
      resolve(undefined)
    }
    server.once('error', failed)
    server.once('listening', done)
    server.listen({ port, host: '127.0.0.1', backlog: 4096 })
  })
}

function cannotListen(error: NodeJS.ErrnoException, port: number, variable: string): Error {
  if (error.code === 'EADDRINUSE')
    return new Error(
      `port ${port} is taken by another program: stop it, or set ${variable} to a free port (0 chooses one)`,
    )
  return new Error(`cannot listen on port ${port} (${variable}): ${error.message}`)
}
