import type { Strike } from '../faults.ts'
import type { Exchange } from '../http.ts'
import { badRequestBody } from './bodies.ts'
import { strikeCall } from './strike-call.ts'
import type { Reply, World } from './world.ts'

/** Reads a JSON body; what cannot be read is answered for. */
export function readJson(exchange: Exchange, reply: Reply): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(exchange.body.toString()) as unknown }
  } catch (error) {
    reply(400, badRequestBody(error instanceof Error ? error.message : 'invalid JSON'))
    return undefined
  }
}

/** Runs a call, through the fault that strikes it if one does. */
export function carryOut(
  world: World,
  strike: Strike | undefined,
  exchange: Exchange,
  reply: Reply,
  run: (reply: Reply) => void,
): void {
  if (strike === undefined || strike.kind === 'scenario') run(reply)
  else strikeCall(world, strike, exchange.res, run)
}
