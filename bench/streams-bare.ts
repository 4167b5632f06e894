import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The limit of G11: Node's own HTTP server, which answers one event and keeps the stream open. Nothing else. */
const open = new Set<ServerResponse>()
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: {"completed":0}\n\n')
  open.add(response)
  response.on('close', () => open.delete(response))
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`)
})
