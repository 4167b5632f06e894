import type { Server } from 'node:http'
import { openServer } from '../http.ts'
import type { Exchange } from '../http.ts'
import { badRequestBody } from './bodies.ts'
import type { Bulks } from './bulk.ts'
import type { TransferRequest } from './call.ts'
import { magicCode } from './magic.ts'
import { noisy } from './noise.ts'
import { getTransfer, putTransfer } from './resume-transfer.ts'
import { transferSchema } from './schemas.ts'
import { carryOut, readJson } from './sdk-call.ts'
import { replyTo } from './strike-call.ts'
import { postTransfer } from './transfers.ts'
import { refusalOf } from './validate.ts'
import { openWedge } from './wedge.ts'
import type { Wedge } from './wedge.ts'
import type { Reply, World } from './world.ts'
import { routeMore } from './sdk-more.ts'

/** The outbound API of the simulated SDK scheme adapter (like 24.19), and the wedge that its settings reset. */
export function openSdk(world: World): { readonly server: Server; readonly wedge: Wedge } {
  const wedge = openWedge(world)
  const bulks: Bulks = new Map()
  const server = openServer(
    (exchange) => serve(world, wedge, bulks, exchange),
    (res, error) => replyTo(res)(500, JSON.stringify({ message: error.message, statusCode: '500' })),
  )
  return { server, wedge }
}

function serve(world: World, wedge: Wedge, bulks: Bulks, exchange: Exchange): void {
  const { method, path, res } = exchange
  let reply = replyTo(res)
  if (world.settings().noise) reply = noisy(reply)
  if (path === '/transfers') {
    if (method !== 'POST')
      return reply(400, badRequestBody(`Method ${method} not supported for path ${path}`))
    return serveTransfer(world, wedge, exchange, reply)
  }
  if (path === '/') {
    res.writeHead(200, { 'Content-Length': '0' })
    res.end()
    return
  }
  const id = /^\/transfers\/([^{}/]+)$/.exec(path)?.[1]
  if (id === undefined) {
    const more = (): void => routeMore(world, bulks, exchange, reply)
    return path.startsWith('/parties/') ? wedge.lookUp(reply, more) : more()
  }
  if (method === 'GET') return serveStatus(world, decodeURIComponent(id), exchange, reply)
  if (method === 'PUT') return serveAcceptance(world, decodeURIComponent(id), exchange, reply)
  reply(400, badRequestBody(`Method ${method} not supported for path ${path}`))
}

function serveTransfer(world: World, wedge: Wedge, exchange: Exchange, reply: Reply): void {
  const json = readJson(exchange, reply)
  if (json === undefined) return
  const refusal = refusalOf(transferSchema, json.value, world.settings().strict)
  if (refusal !== undefined) return reply(400, badRequestBody(refusal))
  const request = json.value as TransferRequest
  const { idValue } = request.to
  const strike = world.faults.strike('all', idValue)
  const code = strike?.kind === 'scenario' ? strike.code : magicCode(idValue)
  const run = (answer: Reply): void => {
    if (!world.settings().wedge) return postTransfer(world, request, code, answer)
    wedge.enter(`${request.to.idType}/${idValue}`, request, answer, (guarded) =>
      postTransfer(world, request, code, guarded),
    )
  }
  carryOut(world, strike, exchange, reply, run)
}

function serveStatus(world: World, id: string, exchange: Exchange, reply: Reply): void {
  const transfer = world.hub.find(id)
  const strike = world.faults.strike('status', transfer?.party ?? '')
  const is_lie = strike?.kind === 'status_endpoint_lies'
  const age_s = (world.clock.now() - (transfer?.at ?? 0)) / 1000
  const denied = is_lie && age_s < (strike.delay_s ?? 120)
  carryOut(world, strike, exchange, reply, (answer) => getTransfer(world, id, denied, answer))
}

function serveAcceptance(world: World, id: string, exchange: Exchange, reply: Reply): void {
  const json = readJson(exchange, reply)
  if (json === undefined) return
  const model = world.models.get(id)
  const party = model?.state === 'WAITING' ? model.call.request.to.idValue : (world.hub.find(id)?.party ?? '')
  const strike = world.faults.strike('transfer', party)
  const code = strike?.kind === 'scenario' ? strike.code : undefined
  carryOut(world, strike, exchange, reply, (answer) => putTransfer(world, id, json.value, answer, code))
}
