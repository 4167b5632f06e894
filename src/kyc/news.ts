import type { Tx } from '../platform/db.ts'
import * as outbox from '../platform/outbox.ts'
import type { KycReason } from './reasons.ts'

/** Facts of this module that others are told, as rows of the outbox: whom, not where. */
export type KycNews = {
  readonly kind: 'kyc_verified' | 'kyc_rejected' | 'kyc_resubmit' | 'kyc_expired'
  readonly person_id: string
  readonly reason: KycReason | null
}

export type KycOutboxKind = 'kyc.news' | 'kyc.check' | 'kyc.erased'

export const tellPerson = (tx: Tx, person_id: bigint, news: Omit<KycNews, 'person_id'>): Promise<void> =>
  outbox.add<KycOutboxKind>(tx, 'kyc.news', `person:${person_id}`, { ...news, person_id: String(person_id) })

/** A check waits to be looked at: a job brings that forward, and the sweep finds it without one. */
export const wakeCheck = (tx: Tx, check_id: string): Promise<void> =>
  outbox.add<KycOutboxKind>(tx, 'kyc.check', check_id, { check_id })
