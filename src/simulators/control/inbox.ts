/** A message that a simulated person received. */
export type Message = {
  readonly kind: 'sms' | 'mail'
  readonly to: string
  readonly text: string
  /** ISO 8601. */
  readonly at: string
}

/** What arrived on the simulated phones and in the simulated mailboxes. */
export type Inbox = {
  readonly add: (message: Message) => void
  /** Newest first. */
  readonly list: (filter: { readonly to?: string; readonly kind?: string }) => readonly Message[]
}

const KEPT = 10_000

export function openInbox(): Inbox {
  const messages: Message[] = []
  return {
    add: (message) => {
      messages.push(message)
      if (messages.length > KEPT) messages.shift()
    },
    list: ({ to, kind }) =>
      messages
        .filter(
          (message) =>
            (to === undefined || isTo(message, to)) && (kind === undefined || message.kind === kind),
        )
        .toReversed(),
  }
}

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '')

/** A plus in a query means a space to most readers of queries: numbers are compared by their digits. */
const isTo = (message: Message, to: string): boolean =>
  message.kind === 'sms' ? digitsOf(message.to) === digitsOf(to) : message.to === to
