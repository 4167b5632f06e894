/**
 * Sends one message as a worker does and dies (-9) between the provider's answer and its own mark.
 * Arguments: the database, the simulated provider, the message's id.
 */
import { openOrangeSms } from '../../../src/connectors/sms/index.ts'
import { sendMessage } from '../../../src/notifications/index.ts'
import { openDb } from '../../../src/platform/db.ts'
import { openLog } from '../../../src/platform/log.ts'
import { openOutbound } from '../../../src/platform/outbound.ts'

const [url = '', provider_url = '', message_id = ''] = process.argv.slice(2)
const outbound = openOutbound({ production: false, allow_loopback: true })
const orange = openOrangeSms({
  url: provider_url,
  client_id: 'sandbox',
  client_secret: 'sandbox',
  rate_per_s: 0,
  timeout_ms: 5_000,
  outbound,
})
const provider: typeof orange = {
  ...orange,
  send: async (sms) => {
    await orange.send(sms)
    process.kill(process.pid, 'SIGKILL')
    for (;;); // the kernel needs a moment
  },
}
await sendMessage(
  { db: openDb({ url }), log: openLog('silent'), sms: provider, mail: undefined },
  { message_id },
)
