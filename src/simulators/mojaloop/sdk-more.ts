import type { Exchange } from '../http.ts'
import { badRequestBody } from './bodies.ts'
import type { Reply, World } from './world.ts'

/** The rest of the SDK's paths; an unknown one is a 400, as the SDK has it. */
export function routeMore(_world: World, exchange: Exchange, reply: Reply): void {
  reply(400, badRequestBody(`Couldn't match path ${exchange.path}`))
}
