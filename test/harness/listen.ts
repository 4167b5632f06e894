import type { Server } from 'node:net'

/** Lets a server, HTTP or other, listen on a free port of 127.0.0.1; answers the port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected an address with a port')
  return address.port
}
