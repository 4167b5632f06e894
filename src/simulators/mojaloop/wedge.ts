import { errorBody } from './bodies.ts'
import type { TransferRequest } from './call.ts'
import { timeoutMs } from './world.ts'
import type { Reply, World } from './world.ts'

/**
 * A defect of SDK 18: two calls at once for the same payee and, from then on, nobody's payee can be resolved, although
 * the SDK still says that it is well. Only a restart (here: setting `wedge` again) ends it.
 */
export type Wedge = {
  readonly enter: (payee: string, request: TransferRequest, reply: Reply, run: (reply: Reply) => void) => void
  /** A bare look-up (GET /parties): wedged, it ends in the time-out as SDK 18 says it, whoever is asked about. */
  readonly lookUp: (reply: Reply, run: () => void) => void
  readonly reset: () => void
}

export function openWedge(world: World): Wedge {
  const busy = new Set<string>()
  let is_wedged = false
  const timeOut = (request: TransferRequest, reply: Reply): void => {
    const id = request.transferId ?? ''
    const state = JSON.stringify({
      ...request,
      currentState: 'ERROR_OCCURRED',
      direction: 'OUTBOUND',
      lastError: { httpStatusCode: 504 },
    })
    world.clock.after(timeoutMs(world), () =>
      reply(504, errorBody(`Timeout resolving payee for transfer ${id}`, 'transferState', state, '504')),
    )
  }
  return {
    enter: (payee, request, reply, run) => {
      if (busy.has(payee)) is_wedged = true
      if (is_wedged) return timeOut(request, reply)
      busy.add(payee)
      run((status, body, type) => {
        busy.delete(payee)
        reply(status, body, type)
      })
    },
    lookUp: (reply, run) => {
      if (!is_wedged) return run()
      const body = errorBody('Timeout', 'requestPartiesInformationState', '{}', '500')
      world.clock.after(timeoutMs(world), () => reply(500, body))
    },
    reset: () => {
      is_wedged = false
      busy.clear()
    },
  }
}
