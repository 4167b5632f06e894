import { beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { advanceClock } from '../platform/clock.ts'
import { sql, type Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import {
  countUnread,
  kinds,
  listInApp,
  listPreferences,
  markRead,
  notify,
  setLimit,
  setPreference,
  sweepNotifications,
  type Kind,
  type Notice,
} from './index.ts'

let db: Db
beforeAll(async () => {
  db = (await freshDatabase()).db
})

const code: Notice = { kind: 'phone_code', news: { code: '042137', minutes: 10 } }
const finished: Notice = {
  kind: 'batch_finished',
  news: { bulk_id: 'bulk-1', total: 3, completed: 3, failed: 0, cancelled: 0 },
}
const sendCode = (phone: string) => db.tx((tx) => notify(tx, { phone, language: 'fr' }, code))
const refusalOf = (thrown: unknown): string => (thrown instanceof Refusal ? thrown.code : String(thrown))

/** Everything that a message leaves, for numbers that begin so. */
async function left(prefix: string): Promise<{ messages: number; outbox: number; counted: number }> {
  const row = await db.one<{ messages: bigint; outbox: bigint; counted: bigint }>(sql`
    select (select count(*) from notifications_messages where starts_with(destination, ${prefix})) as messages,
      (select count(*) from platform_outbox o join notifications_messages m
        on o.subject = 'message ' || m.id where starts_with(m.destination, ${prefix})) as outbox,
      (select coalesce(sum(sent), 0) from notifications_counts
        where scope = 'number' and starts_with(key, ${prefix})) as counted`)
  return { messages: Number(row.messages), outbox: Number(row.outbox), counted: Number(row.counted) }
}

test('of a hundred at once to one number as many pass as its limit says, and the others leave nothing', async () => {
  await db.tx((tx) => setLimit(tx, { scope: 'number', prefix: '+23760', most: 7 }))
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => sendCode('+237600000001')))
  const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [refusalOf(one.reason)] : []))
  expect(refused).toHaveLength(93)
  expect(new Set(refused)).toEqual(new Set(['TOO_MANY_REQUESTS']))
  expect(await left('+237600000001')).toEqual({ messages: 7, outbox: 7, counted: 7 })
})

test('of a hundred numbers of one prefix as many pass as the prefix allows', async () => {
  await db.tx((tx) => setLimit(tx, { scope: 'prefix', prefix: '+9981', most: 5 }))
  const numbers = Array.from({ length: 100 }, (_, i) => `+99810000${String(i).padStart(4, '0')}`)
  const outcomes = await Promise.allSettled(numbers.map(sendCode))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
  expect(await left('+9981')).toEqual({ messages: 5, outbox: 5, counted: 5 })
  // Another prefix of the same country has its own limit still.
  expect(await sendCode('+998200000000')).toEqual({ sms: 'queued', mail: 'not-needed' })
})

test('the limit of everything together stops every number, and the next day begins anew', async () => {
  const { sent } = await db.one<{ sent: number }>(sql`
    select sent from notifications_counts where scope = 'prefix' and key = '+'`)
  await db.tx((tx) => setLimit(tx, { scope: 'prefix', prefix: '+', most: sent + 1 }))
  expect((await sendCode('+237610000001')).sms).toBe('queued')
  await expect(sendCode('+22890000001')).rejects.toThrow('Too many messages')
  expect(await left('+22890000001')).toEqual({ messages: 0, outbox: 0, counted: 0 })
  await advanceClock(db, 86_400)
  expect((await sendCode('+22890000001')).sms).toBe('queued')
  await db.tx((tx) => setLimit(tx, { scope: 'prefix', prefix: '+', most: 20_000 }))
})

test('a destination with the limit 0 is closed', async () => {
  await db.tx((tx) => setLimit(tx, { scope: 'prefix', prefix: '+8816', most: 0 }))
  await expect(sendCode('+881600000001')).rejects.toThrow('Too many messages')
  expect(await left('+8816')).toEqual({ messages: 0, outbox: 0, counted: 0 })
})

test('news above the limit are in the application all the same, and do not undo the fact', async () => {
  const phone = '+881600000002'
  const said = await db.tx((tx) => notify(tx, { person_id: 70n, phone, language: 'fr' }, finished))
  expect(said).toEqual({ sms: 'over-limit', mail: 'no-address' })
  expect(await left('+8816')).toEqual({ messages: 0, outbox: 0, counted: 0 })
  expect(await listInApp(db, 70n, { limit: 10 })).toMatchObject([
    { kind: 'batch_finished', title: 'Lot terminé' },
  ])
})

test('a transaction that is rolled back tells nobody anything', async () => {
  const phone = '+237620000001'
  const undone = db.tx(async (tx) => {
    await notify(tx, { person_id: 71n, phone, language: 'fr' }, finished)
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')
  expect(await left(phone)).toEqual({ messages: 0, outbox: 0, counted: 0 })
  expect(await listInApp(db, 71n, { limit: 10 })).toEqual([])
})

test('what is switched off does not come, each way by itself', async () => {
  const phone = '+237620000002'
  const tell = () => db.tx((tx) => notify(tx, { person_id: 72n, phone, language: 'en' }, finished))
  await db.tx((tx) => setPreference(tx, 72n, { kind: 'batch_finished', channel: 'sms', is_wanted: false }))
  expect((await tell()).sms).toBe('switched-off')
  expect(await left(phone)).toEqual({ messages: 0, outbox: 0, counted: 0 })
  expect(await countUnread(db, 72n)).toBe(1)
  await db.tx((tx) => setPreference(tx, 72n, { kind: 'batch_finished', channel: 'sms', is_wanted: true }))
  await db.tx((tx) => setPreference(tx, 72n, { kind: 'batch_finished', channel: 'in_app', is_wanted: false }))
  expect((await tell()).sms).toBe('queued')
  expect(await countUnread(db, 72n)).toBe(1)
  expect(await listPreferences(db, 72n)).toEqual([
    { kind: 'batch_finished', channel: 'in_app', is_wanted: false },
    { kind: 'batch_finished', channel: 'sms', is_wanted: true },
  ])
})

test('security messages cannot be switched off, by no way', async () => {
  for (const kind of Object.keys(kinds) as Kind[]) {
    if (kinds[kind].sort === 'news') continue
    const off = { kind, channel: 'sms', is_wanted: false } as const
    for (const channel of ['sms', 'mail', 'in_app'] as const)
      await expect(db.tx((tx) => setPreference(tx, 73n, { ...off, channel }))).rejects.toThrow('switched off')
    const by_hand = db.run(sql`
      insert into notifications_preferences (person_id, kind, channel, is_wanted) values (73, ${kind}, 'sms', false)`)
    await expect(by_hand).rejects.toThrow('notifications_preferences_kind_check')
  }
})

test('what is read stays read, and is nobody else’s', async () => {
  for (let i = 0; i < 3; i++) await db.tx((tx) => notify(tx, { person_id: 74n, language: 'en' }, finished))
  const all = await listInApp(db, 74n, { limit: 2 })
  const rest = await listInApp(db, 74n, { limit: 2, before: all[1]?.id ?? 0n })
  expect([...all, ...rest].map(({ text, read_at }) => [text, read_at])).toEqual(
    Array.from({ length: 3 }, () => ['bulk-1: 3 of 3 paid.', null]),
  )
  const id = all[0]?.id ?? 0n
  expect(await db.tx((tx) => markRead(tx, 75n, id))).toBe(false)
  expect(await db.tx((tx) => markRead(tx, 74n, id))).toBe(true)
  const read_at = (await listInApp(db, 74n, { limit: 1 }))[0]?.read_at
  expect(read_at).toBeInstanceOf(Date)
  expect(await db.tx((tx) => markRead(tx, 74n, id))).toBe(true)
  expect((await listInApp(db, 74n, { limit: 1 }))[0]?.read_at).toEqual(read_at)
  expect(await countUnread(db, 74n)).toBe(2)
})

test('a security message needs a number, and a number must be one', async () => {
  await expect(db.tx((tx) => notify(tx, { language: 'fr' }, code))).rejects.toThrow(
    'needs a number or an address',
  )
  await expect(sendCode('0699123456')).rejects.toThrow('notifications_messages_destination_check')
})

test('texts that are too old are forgotten, and the counts of days that are over', async () => {
  await sendCode('+237630000001')
  const held = sql`select count(text) as texts, count(*) as rows from notifications_messages`
  await advanceClock(db, 4 * 86_400)
  expect((await db.one<{ texts: bigint }>(held)).texts).toBeGreaterThan(0n)
  await sweepNotifications(db)
  const after = await db.one<{ texts: bigint; rows: bigint }>(held)
  expect(after.texts).toBe(0n)
  expect(after.rows).toBeGreaterThan(0n)
  expect(await db.many(sql`select key from notifications_counts`)).toEqual([])
  await advanceClock(db, 91 * 86_400)
  await sweepNotifications(db)
  expect((await db.one<{ rows: bigint }>(held)).rows).toBe(0n)
})

test('a security message goes by mail where there is no number, twenty a day for a mailbox', async () => {
  const email = 'Awa@Example.cm'
  const mails = Array.from({ length: 30 }, (_, i) =>
    db.tx((tx) => notify(tx, { email: i % 2 === 0 ? email : email.toLowerCase(), language: 'en' }, code)),
  )
  const outcomes = await Promise.allSettled(mails)
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(20)
  const row = await db.one(sql`
    select count(*) as n, count(segments) as segments, min(subject) as subject from notifications_messages
    where channel = 'mail'`)
  expect(row).toEqual({ n: 20n, segments: 0n, subject: 'Your code' })
  const both = { phone: '+237640000001', email: 'b@example.cm', person_id: 76n, language: 'fr' } as const
  expect(await db.tx((tx) => notify(tx, both, finished))).toEqual({ sms: 'queued', mail: 'queued' })
})
