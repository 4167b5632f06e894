import { sql, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import * as outbox from '../platform/outbox.ts'
import { addInApp } from './in-app.ts'
import { isNews, kinds, type Kind, type Language, type News, type NewsKind } from './kinds.ts'
import { countMail, countSms } from './limits.ts'
import { wants } from './preferences.ts'
import { wordsOf } from './words.ts'

/** Who is told. The person is opaque here; addresses and language are the caller's, as they are at this moment. */
export type Recipient = {
  /** None for somebody who is not registered. */
  readonly person_id?: bigint
  /** E.164. */
  readonly phone?: string
  readonly email?: string
  readonly language: Language
}

/** What is told. */
export type Notice = { readonly [K in Kind]: { readonly kind: K; readonly news: News[K] } }[Kind]

/** What became of one way; news are in the application all the same. */
export type Told = 'queued' | 'switched-off' | 'over-limit' | 'no-address' | 'not-needed'
export type Notified = { readonly sms: Told; readonly mail: Told }

/** One message to be written. */
type Message = {
  readonly kind: Kind
  readonly channel: 'sms' | 'mail'
  readonly destination: string
  readonly text: string
  readonly subject?: string
  readonly segments?: number
}

/**
 * Writes a message in the transaction of the fact: it exists when the fact does, and is sent after commit. A security
 * message goes by SMS, or by mail where no number is given, and above the limits is refused with TOO_MANY_REQUESTS.
 * News go every way that the person has and wants; above the limits they are only in the application. Call it late:
 * the counters stay locked until commit.
 */
export async function notify(tx: Tx, to: Recipient, notice: Notice): Promise<Notified> {
  const { kind } = notice
  const words = wordsOf(kind, to.language, notice.news as News[typeof kind])
  const sms: Message | undefined =
    to.phone === undefined
      ? undefined
      : { kind, channel: 'sms', destination: to.phone, text: words.sms, segments: words.segments }
  const mail: Message | undefined =
    to.email === undefined
      ? undefined
      : { kind, channel: 'mail', destination: to.email, text: words.mail, subject: words.title }
  if (!isNews(kind)) return tellSecurely(tx, to, { sms, mail })
  if (to.person_id !== undefined && (await wants(tx, to.person_id, { kind, channel: 'in_app' })))
    await addInApp(tx, to.person_id, { kind, title: words.title, text: words.text })
  return {
    sms: await tell(tx, to, { kind, message: sms }),
    mail: await tell(tx, to, { kind, message: mail }),
  }
}

async function tellSecurely(
  tx: Tx,
  to: Recipient,
  { sms, mail }: { readonly sms: Message | undefined; readonly mail: Message | undefined },
): Promise<Notified> {
  const message = sms ?? mail
  if (message === undefined) throw new Error('a security message needs a number or an address')
  if (!(await count(tx, message))) throw overLimit()
  await write(tx, to, message)
  return sms === undefined ? { sms: 'no-address', mail: 'queued' } : { sms: 'queued', mail: 'not-needed' }
}

async function tell(
  tx: Tx,
  to: Recipient,
  { kind, message }: { readonly kind: NewsKind; readonly message: Message | undefined },
): Promise<Told> {
  if (message === undefined) return 'no-address'
  const { channel } = message
  if (to.person_id !== undefined && !(await wants(tx, to.person_id, { kind, channel }))) return 'switched-off'
  await tx.run(sql`savepoint notifications_told`)
  if (!(await count(tx, message))) {
    await tx.run(sql`rollback to savepoint notifications_told`)
    return 'over-limit'
  }
  await tx.run(sql`release savepoint notifications_told`)
  await write(tx, to, message)
  return 'queued'
}

const count = (tx: Tx, { channel, destination }: Message): Promise<boolean> =>
  channel === 'sms' ? countSms(tx, destination) : countMail(tx, destination)

const overLimit = (): Refusal =>
  new Refusal('TOO_MANY_REQUESTS', {
    detail: {
      en: 'Too many messages went there today, or to that country.',
      fr: 'Trop de messages y sont partis aujourd’hui, ou vers ce pays.',
    },
  })

async function write(tx: Tx, { person_id }: Recipient, message: Message): Promise<void> {
  const { kind, channel, destination, text, subject, segments } = message
  const { id } = await tx.one<{ id: bigint }>(sql`
    insert into notifications_messages
      (person_id, kind, channel, destination, text, subject, segments, expires_at)
    values (${person_id ?? null}, ${kind}, ${channel}, ${destination}, ${text}, ${subject ?? null},
      ${segments ?? null}, cauri_now() + ${`${kinds[kind].lives_s} seconds`}::interval)
    returning id`)
  await outbox.add<'notification'>(tx, 'notification', `message ${id}`, { message_id: String(id) })
}
