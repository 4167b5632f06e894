import { sql, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import * as outbox from '../platform/outbox.ts'
import { addInApp } from './in-app.ts'
import { isNews, kinds, type Kind, type Language, type News } from './kinds.ts'
import { countSms } from './limits.ts'
import { wants } from './preferences.ts'
import { wordsOf } from './words.ts'

/** Who is told. The person is opaque here; number and language are the caller's, as they are at this moment. */
export type Recipient = {
  /** None for somebody who is not registered. */
  readonly person_id?: bigint
  /** E.164. */
  readonly phone?: string
  readonly language: Language
}

/** What is told. */
export type Notice = { readonly [K in Kind]: { readonly kind: K; readonly news: News[K] } }[Kind]

/** What became of the SMS; news are in the application all the same. */
export type Notified = 'queued' | 'switched-off' | 'over-limit' | 'no-number'

/**
 * Writes a message in the transaction of the fact: it exists when the fact does, and is sent after commit. A security
 * message above the limits is refused with TOO_MANY_REQUESTS; news above them, or to somebody without a number, are
 * only in the application. Call it late: the counters stay locked until commit.
 */
export async function notify(tx: Tx, to: Recipient, notice: Notice): Promise<Notified> {
  const { kind } = notice
  const words = wordsOf(kind, to.language, notice.news as News[typeof kind])
  if (!isNews(kind)) {
    if (to.phone === undefined) throw new Error(`a message of the kind ${kind} needs a number`)
    if (!(await countSms(tx, to.phone))) throw overLimit()
    await write(tx, { ...to, phone: to.phone }, { kind, sms: words.sms, segments: words.segments })
    return 'queued'
  }
  if (to.person_id !== undefined && (await wants(tx, to.person_id, { kind, channel: 'in_app' })))
    await addInApp(tx, to.person_id, { kind, title: words.title, text: words.text })
  if (to.phone === undefined) return 'no-number'
  if (to.person_id !== undefined && !(await wants(tx, to.person_id, { kind, channel: 'sms' })))
    return 'switched-off'
  await tx.run(sql`savepoint notifications_count`)
  if (!(await countSms(tx, to.phone))) {
    await tx.run(sql`rollback to savepoint notifications_count`)
    return 'over-limit'
  }
  await tx.run(sql`release savepoint notifications_count`)
  await write(tx, { ...to, phone: to.phone }, { kind, sms: words.sms, segments: words.segments })
  return 'queued'
}

const overLimit = (): Refusal =>
  new Refusal('TOO_MANY_REQUESTS', {
    detail: {
      en: 'Too many messages went to this number, or to its country, today.',
      fr: 'Trop de messages sont partis vers ce numéro, ou vers son pays, aujourd’hui.',
    },
  })

async function write(
  tx: Tx,
  to: Recipient & { readonly phone: string },
  message: { readonly kind: Kind; readonly sms: string; readonly segments: number },
): Promise<void> {
  const { id } = await tx.one<{ id: bigint }>(sql`
    insert into notifications_messages (person_id, kind, channel, destination, text, segments, expires_at)
    values (${to.person_id ?? null}, ${message.kind}, 'sms', ${to.phone}, ${message.sms}, ${message.segments},
      cauri_now() + ${`${kinds[message.kind].lives_s} seconds`}::interval)
    returning id`)
  await outbox.add<'notification'>(tx, 'notification', `message ${id}`, { message_id: String(id) })
}
