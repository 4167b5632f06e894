import type { Exchange } from '../http.ts'
import { serveAfricasTalking } from './africas-talking.ts'
import { openOrange } from './orange.ts'
import type { SmsWorld } from './strike.ts'

/** Serves one call below /sms/; false when there is nothing of that kind. */
export type SmsProviders = { readonly serve: (exchange: Exchange) => boolean }

const BASES = { orange: '/sms/orange', africas_talking: '/sms/africas-talking' }

/** The simulated providers, below /sms/ of the simulators' port: Orange's API and Africa's Talking's. */
export function openSmsProviders(world: SmsWorld): SmsProviders {
  const orange = openOrange(world)
  return {
    serve: (exchange) => {
      const { path } = exchange
      if (path.startsWith(`${BASES.orange}/`)) orange.serve(exchange, path.slice(BASES.orange.length))
      else if (path === `${BASES.africas_talking}/version1/messaging`) serveAfricasTalking(world, exchange)
      else return false
      return true
    },
  }
}
