import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Inbox, Message } from '../control/inbox.ts'
import { openDurableLog } from '../durable-log.ts'

/** What the simulated mailboxes got, in a log of its own. */
export type Boxes = {
  /** Puts a mail into each box and runs `done` once that is written down. */
  readonly put: (recipients: readonly string[], text: string, done: () => void) => void
  readonly close: () => void
}

type Line = Omit<Message, 'kind'>

/** Reads `mail.jsonl` back into the inbox, and takes more. */
export function openBoxes(folder: string, clock: Clock, inbox: Inbox): Boxes {
  const log = openDurableLog(join(folder, 'mail.jsonl'), (text) =>
    inbox.add({ kind: 'mail', ...(JSON.parse(text) as Line) }),
  )
  return {
    put: (recipients, text, done) => {
      const at = new Date(clock.now()).toISOString()
      for (const to of recipients)
        log.append(JSON.stringify({ to, text, at }), () => inbox.add({ kind: 'mail', to, text, at }))
      log.settled(done)
    },
    close: log.close,
  }
}
