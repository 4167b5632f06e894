import type { MailAnswer, MailSender } from '../connectors/mail.ts'
import type { SmsAnswer, SmsProvider } from '../connectors/sms.ts'
import { sql, type Db, type Reader, type Tx } from '../platform/db.ts'
import { unreachable } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'

export type SendDeps = {
  readonly db: Db
  readonly log: Log
  /** Undefined where none is configured: messages then wait, and their jobs die visibly. */
  readonly sms: SmsProvider | undefined
  readonly mail: MailSender | undefined
}

/** A job of the queue: which message. Neither number nor text: what a job holds is shown to people. */
export type Sending = { readonly message_id: string }

type Message = {
  readonly channel: 'sms' | 'mail'
  readonly destination: string
  readonly subject: string | null
  readonly text: string
  readonly kind: string
}
type Answer = SmsAnswer | MailAnswer

/**
 * Sends one message, once per run. At least once: SENDING is written before the call, so that after a death between
 * the provider's answer and our mark it is sent again; providers know no key that would prevent it (a mail keeps its
 * Message-ID, which some mailboxes look at). A person may get the same message twice, never one that was not meant. Throws when it must be tried again.
 */
export async function sendMessage(deps: SendDeps, { message_id }: Sending): Promise<void> {
  const { db, log } = deps
  const id = BigInt(message_id)
  const message = await db.tx((tx) => begin(tx, id, deps))
  if (message === undefined) return
  const { provider, answer } = await call(deps, id, message)
  const fields = { message_id, kind: message.kind, provider }
  await db.tx((tx) => finish(tx, id, answer, provider))
  switch (answer.kind) {
    case 'accepted':
      return log.info(fields, 'a message was taken by the provider')
    case 'refused':
      return log.warn({ ...fields, because: answer.because }, 'a message was refused for good')
    case 'unsent':
      if (answer.about_us) log.error({ ...fields, because: answer.because }, 'the provider refuses us')
      throw new Error(`message ${message_id} did not leave: ${answer.because}`)
    case 'unknown':
      throw new Error(`message ${message_id} may have left: ${answer.because}`)
    default:
      return unreachable(answer)
  }
}

async function call(
  { sms, mail }: SendDeps,
  id: bigint,
  { channel, destination, subject, text }: Message,
): Promise<{ readonly provider: string; readonly answer: Answer }> {
  if (channel === 'sms') {
    if (sms === undefined) throw nobody(channel)
    return { provider: sms.name, answer: await sms.send({ to: destination, text }) }
  }
  if (mail === undefined) throw nobody(channel)
  const letter = { to: destination, subject: subject ?? '', text, id: `cauri-message-${id}` }
  return { provider: mail.name, answer: await mail.send(letter) }
}

const nobody = (channel: Message['channel']): Error =>
  new Error(channel === 'sms' ? 'nobody sends SMS (SMS_PROVIDER)' : 'nobody sends mail (SMTP_URL)')

/**
 * Locks the message and marks that a call begins; nothing for one that has ended, or ends here by its age. Throws where
 * nobody could make the call.
 */
async function begin(tx: Tx, id: bigint, deps: SendDeps): Promise<Message | undefined> {
  const row = await tx.maybeOne<Message & { readonly is_late: boolean }>(sql`
    select channel, destination, subject, text, kind, expires_at <= cauri_now() as is_late from notifications_messages
    where id = ${id} and ended_at is null for update`)
  if (row === undefined) return undefined
  if (row.is_late) {
    deps.log.warn({ message_id: String(id), kind: row.kind }, 'a message was not sent in time')
    await tx.run(sql`
      update notifications_messages set state = 'EXPIRED', text = null, ended_at = cauri_now() where id = ${id}`)
    return undefined
  }
  if (deps[row.channel] === undefined) throw nobody(row.channel)
  await tx.run(sql`
    update notifications_messages set state = 'SENDING', tries = tries + 1 where id = ${id}`)
  return row
}

function finish(tx: Tx, id: bigint, answer: Answer, provider: string): Promise<number> {
  switch (answer.kind) {
    case 'accepted':
      return tx.run(sql`
        update notifications_messages set state = 'SENT', text = null, ended_at = cauri_now(),
          provider = ${provider}, provider_id = ${'provider_id' in answer ? answer.provider_id : null}
        where id = ${id} and ended_at is null`)
    case 'refused':
      return tx.run(sql`
        update notifications_messages set state = 'REFUSED', text = null, ended_at = cauri_now(),
          because = ${answer.because}
        where id = ${id} and ended_at is null`)
    case 'unsent':
      return tx.run(sql`
        update notifications_messages set state = 'WAITING' where id = ${id} and state = 'SENDING'`)
    case 'unknown':
      return Promise.resolve(0) // SENDING stays: it says what we know
    default:
      return unreachable(answer)
  }
}

/** Everything that was written to a person goes, sent or not: he asked to be forgotten. */
export async function forgetPerson(tx: Tx, person_id: bigint): Promise<void> {
  await tx.run(sql`delete from notifications_messages where person_id = ${person_id}`)
  await tx.run(sql`delete from notifications_in_app where person_id = ${person_id}`)
  await tx.run(sql`delete from notifications_preferences where person_id = ${person_id}`)
}

/** How many messages of a channel wait. */
export const countWaiting = async (db: Reader, channel: 'sms' | 'mail'): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from notifications_messages where ended_at is null and channel = ${channel}`)
    ).n,
  )

/**
 * Ends what is too old to be sent (a code among it has long lost its use), forgets the counts of days that are over,
 * and the messages that ended 90 days ago. Answers how many rows went or ended.
 */
export const sweepNotifications = (db: Db): Promise<number> =>
  db.tx(async (tx) => {
    const expired = await tx.run(sql`
      update notifications_messages set state = 'EXPIRED', text = null, ended_at = cauri_now()
      where ended_at is null and expires_at <= cauri_now()`)
    const counts = await tx.run(sql`delete from notifications_counts where day < cauri_now()::date - 2`)
    const old = await tx.run(sql`
      delete from notifications_messages where ended_at < cauri_now() - interval '90 days'`)
    return expired + counts + old
  })
