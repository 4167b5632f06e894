import type { SmsAnswer, SmsProvider } from '../connectors/sms.ts'
import { sql, type Db, type Reader, type Tx } from '../platform/db.ts'
import { unreachable } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'

export type SendDeps = {
  readonly db: Db
  readonly log: Log
  /** Undefined where none is configured: messages then wait, and their jobs die visibly. */
  readonly provider: SmsProvider | undefined
}

/** A job of the queue: which message. Neither number nor text: what a job holds is shown to people. */
export type Sending = { readonly message_id: string }

type Message = { readonly destination: string; readonly text: string; readonly kind: string }

/**
 * Sends one message, once per run. At least once: SENDING is written before the call, so that after a death between
 * the provider's answer and our mark it is sent again; providers know no key that would prevent it. A person may get
 * the same SMS twice, never one that was not meant. Throws when it must be tried again.
 */
export async function sendMessage({ db, log, provider }: SendDeps, { message_id }: Sending): Promise<void> {
  if (provider === undefined) throw new Error('no SMS provider is configured (SMS_PROVIDER)')
  const id = BigInt(message_id)
  const message = await db.tx((tx) => begin(tx, id, log))
  if (message === undefined) return
  const answer = await provider.send({ to: message.destination, text: message.text })
  const fields = { message_id, kind: message.kind, provider: provider.name }
  await db.tx((tx) => finish(tx, id, answer, provider.name))
  switch (answer.kind) {
    case 'accepted':
      return log.info(fields, 'a message was taken by the provider')
    case 'refused':
      return log.warn({ ...fields, because: answer.because }, 'a message was refused for good')
    case 'unsent':
      if (answer.about_us) log.error({ ...fields, because: answer.because }, 'the SMS provider refuses us')
      throw new Error(`message ${message_id} did not leave: ${answer.because}`)
    case 'unknown':
      throw new Error(`message ${message_id} may have left: ${answer.because}`)
    default:
      return unreachable(answer)
  }
}

/** Locks the message and marks that a call begins; nothing for one that has ended, or ends here by its age. */
async function begin(tx: Tx, id: bigint, log: Log): Promise<Message | undefined> {
  const row = await tx.maybeOne<Message & { readonly is_late: boolean }>(sql`
    select destination, text, kind, expires_at <= cauri_now() as is_late from notifications_messages
    where id = ${id} and ended_at is null for update`)
  if (row === undefined) return undefined
  if (row.is_late) {
    log.warn({ message_id: String(id), kind: row.kind }, 'a message was not sent in time')
    await tx.run(sql`
      update notifications_messages set state = 'EXPIRED', text = null, ended_at = cauri_now() where id = ${id}`)
    return undefined
  }
  await tx.run(sql`
    update notifications_messages set state = 'SENDING', tries = tries + 1 where id = ${id}`)
  return row
}

function finish(tx: Tx, id: bigint, answer: SmsAnswer, provider: string): Promise<number> {
  switch (answer.kind) {
    case 'accepted':
      return tx.run(sql`
        update notifications_messages set state = 'SENT', text = null, ended_at = cauri_now(),
          provider = ${provider}, provider_id = ${answer.provider_id ?? null}
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

/** How many messages wait for a provider. */
export const countWaiting = async (db: Reader): Promise<number> =>
  Number(
    (await db.one<{ n: bigint }>(sql`select count(*) as n from notifications_messages where ended_at is null`))
      .n,
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
