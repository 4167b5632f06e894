import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Inbox } from '../control/inbox.ts'
import { openDurableLog } from '../durable-log.ts'
import type { SmsSettings } from '../settings.ts'

export type SmsProviderName = 'orange' | 'africas-talking'

/** An SMS that a provider took, and so one that a person paid for receives. */
type Taken = {
  readonly k: 'sms'
  readonly id: string
  readonly provider: SmsProviderName
  readonly to: string
  readonly text: string
  /** Milliseconds since 1970, on the sandbox's clock. */
  readonly at: number
}
type Line = Taken | { readonly k: 'receipt'; readonly id: string }

/** What the simulated phones got, in a log of its own. */
export type Phones = {
  /** Takes a message and runs `done` with its id once it is written down; the person has it then. */
  readonly take: (message: Pick<Taken, 'provider' | 'to' | 'text'>, done: (id: string) => void) => void
  readonly close: () => void
}

export type PhonesOptions = {
  readonly folder: string
  readonly clock: Clock
  readonly inbox: Inbox
  readonly settings: () => SmsSettings
}

/** Reads `sms.jsonl` back into the inbox, plans the receipts that are still due, and takes more. */
export function openPhones({ folder, clock, inbox, settings }: PhonesOptions): Phones {
  const due = new Map<string, Taken>()
  const log = openDurableLog(join(folder, 'sms.jsonl'), (text) => {
    const line = JSON.parse(text) as Line
    if (line.k === 'receipt') {
      due.delete(line.id)
      return
    }
    due.set(line.id, line)
    inbox.add(asMessage(line))
  })
  const tell = (taken: Taken): void => {
    const { callback_url, receipt_delay_ms } = settings()
    if (callback_url === null) return
    clock.after(receipt_delay_ms, () =>
      postReceipt(callback_url, taken, () => log.append(JSON.stringify({ k: 'receipt', id: taken.id }))),
    )
  }
  for (const taken of due.values()) tell(taken)
  due.clear()
  return {
    take: (message, done) => {
      const id = message.provider === 'orange' ? randomUUID() : `ATXid_${randomUUID().replaceAll('-', '')}`
      const taken: Taken = { k: 'sms', id, ...message, at: clock.now() }
      log.append(JSON.stringify(taken), () => {
        inbox.add(asMessage(taken))
        done(id)
        tell(taken)
      })
    },
    close: log.close,
  }
}

const asMessage = ({ to, text, at }: Taken): Parameters<Inbox['add']>[0] => ({
  kind: 'sms',
  to,
  text,
  at: new Date(at).toISOString(),
})

/** Each provider in its own form. Who does not answer 2xx is told again after the next start, as some providers do. */
function postReceipt(url: string, { id, provider, to }: Taken, told: () => void): void {
  const orange = provider === 'orange'
  const body = orange
    ? JSON.stringify({
        deliveryInfoNotification: {
          callbackData: id,
          deliveryInfo: { address: `tel:${to}`, deliveryStatus: 'DeliveredToTerminal' },
        },
      })
    : new URLSearchParams({ id, status: 'Success', phoneNumber: to, networkCode: '62401' }).toString()
  const headers = {
    'content-type': orange ? 'application/json' : 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(body),
  }
  const request = httpRequest(url, { method: 'POST', headers, timeout: 10_000 })
  request.on('response', (response) => {
    response.resume()
    if (response.statusCode !== undefined && response.statusCode < 300) told()
  })
  request.on('timeout', () => request.destroy())
  request.on('error', () => undefined)
  request.end(body)
}
