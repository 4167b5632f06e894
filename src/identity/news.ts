import type { Reader, Tx } from '../platform/db.ts'

/** Whether a person wants to hear of one kind of news in one way. */
export type NewsChoice = {
  readonly kind: string
  readonly channel: (typeof newsChannels)[number]
  readonly is_wanted: boolean
}

export const newsChannels = ['sms', 'mail', 'in_app'] as const

/** What people want to hear of, as whoever sends messages keeps it: identity knows no message. */
export type NewsPort = {
  /** The kinds that a person may switch off. */
  readonly kinds: readonly string[]
  /** Every kind in every way, with what the person has said; what he has not is wanted. */
  readonly listChoices: (db: Reader, person_id: bigint) => Promise<readonly NewsChoice[]>
  readonly choose: (tx: Tx, person_id: bigint, choice: NewsChoice) => Promise<void>
  /** How many he has not read in the application. */
  readonly countUnread: (db: Reader, person_id: bigint) => Promise<number>
}

/** Where nobody sends anything. */
export const noNews: NewsPort = {
  kinds: [],
  listChoices: () => Promise.resolve([]),
  choose: () => Promise.resolve(),
  countUnread: () => Promise.resolve(0),
}
