import { beforeAll, expect, test } from 'vitest'
import { checkAll, invariantsOf } from '../../src/integrity/index.ts'
import { ledgerInvariants } from '../../src/ledger/index.ts'
import { openDb, sql, type Db, type Tx } from '../../src/platform/db.ts'
import { breachesOf } from '../../src/platform/invariant.ts'
import { openFullWorld, type Lists } from './world.ts'

let db: Db
let owner: Db
let lists: Lists
beforeAll(async () => {
  const world = await openFullWorld()
  db = world.server.db
  lists = world.lists
  owner = openDb({ url: world.server.database.ownerUrl, max: 1 })
  return () => owner.end()
}, 150_000)

test('a world with one of everything has no breach', async () => {
  expect(await checkAll(db)).toEqual([])
  const states = await db.many<{ state: string }>(
    sql`select distinct state from payments_lines order by state`,
  )
  expect(states.map(({ state }) => state)).toEqual(['CANCELLED', 'FAILED', 'NEW', 'PAID', 'UNCERTAIN'])
})

/** Moves money by a valid entry that no business fact stands behind. */
const posted = (from: string, to: string, amount: string): string => `
  select ledger_post(array['test'], array['test'], array[2], array[sha256('x')], array[1, 1],
    array[${from}, ${to}], array[-(${amount})::bigint, (${amount})::bigint], array[null, null]::bigint[],
    array[null, null]::integer[], array[null, null]::smallint[])`
const payer = `(select ledger_account_id from payments_accounts where account_id = 'ACC-123456789')`
const other = `(select id from payments_accounts where account_id = 'ACC-237000001')`
const holdOf = (batch: bigint): string => `(select hold_account_id from payments_batches where id = ${batch})`
const entryOf = (kind: string): string => `(select min(id) from ledger_entries where kind = '${kind}')`
const line = (batch: bigint, seq: number): string => `batch_id = ${batch} and seq = ${seq}`

type Break = readonly [
  id: string,
  how: string,
  statements: (all: Lists) => readonly string[],
  also?: readonly string[],
]

/** What a hand in the database could do, each with the triggers and foreign keys off. */
const breaks: readonly Break[] = [
  [
    'INV-01',
    'money is made of nothing, in the lines and in the balance',
    () => [
      `update ledger_lines set amount = amount + 1 where entry_id = ${entryOf('account.topped-up')} and amount > 0`,
      `update ledger_accounts set balance = balance + 1 where id = ${payer}`,
    ],
    ['INV-02'],
  ],
  [
    'INV-02',
    'a franc wanders from one entry to another',
    () => [
      `update ledger_lines set amount = amount + 1 where entry_id = ${entryOf('account.topped-up')} and account_id = ${payer}`,
      `update ledger_lines set amount = amount - 1 where entry_id = ${entryOf('account.opened')} and account_id = ${payer}`,
    ],
  ],
  [
    'INV-03',
    'a balance is written by hand',
    () => [`update ledger_accounts set balance = balance + 1 where code = 'opening'`],
  ],
  [
    'INV-04',
    'a hold gets more than its lines need',
    ({ waiting }) => [`set local session_replication_role = origin`, posted(payer, holdOf(waiting), '1')],
  ],
  [
    'INV-05',
    'an entry is opened again',
    () => [`update ledger_entries set sealed = false where id = ${entryOf('account.opened')}`],
  ],
  [
    'INV-05',
    'an entry loses its lines, and the balances follow',
    () => [
      `update ledger_accounts a set balance = balance - l.amount from ledger_lines l
        where l.account_id = a.id and l.entry_id = ${entryOf('account.topped-up')}`,
      `delete from ledger_lines where entry_id = ${entryOf('account.topped-up')}`,
    ],
  ],
  [
    'INV-06',
    'a payer spends more than there is',
    () => [
      'alter table ledger_accounts drop constraint ledger_accounts_floor',
      'set local session_replication_role = origin',
      posted(
        payer,
        `(select id from ledger_accounts where code = 'opening' and currency = 'XOF')`,
        `(select balance + 1 from ledger_accounts where id = ${payer})`,
      ),
    ],
  ],
  ['INV-08', 'a claim is erased', ({ told }) => [`delete from payments_ranges where batch_id = ${told}`]],
  [
    'INV-08',
    'a line beyond the cursor was paid',
    ({ told }) => [`update payments_batches set next_seq = 4, open = true where id = ${told}`],
  ],
  [
    'INV-10',
    'a line is claimed twice',
    ({ waiting }) => [
      `update payments_batches set next_seq = 3 where id = ${waiting}`,
      `insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state)
        select ${waiting}, 1, high, 'mojaloop', 1, 'FREED' from unnest(array[1, 2]) as high`,
    ],
  ],
  [
    'INV-10',
    'a pursuit is of another attempt',
    ({ doubtful }) => [`update payments_pursuits set attempt = 2 where batch_id = ${doubtful}`],
  ],
  [
    'INV-11',
    'the money of one line was moved for another',
    ({ told, doubtful }) => [`update ledger_lines set batch_id = ${doubtful} where ${line(told, 1)}`],
  ],
  [
    'INV-11',
    'money was moved under an older attempt',
    ({ told }) => [`update ledger_lines set attempt = 2 where ${line(told, 4)}`],
  ],
  [
    'INV-11',
    'a line is paid a second time',
    ({ told }) => [
      'alter table ledger_accounts drop constraint ledger_accounts_floor',
      `update ledger_entries set legs = legs + 2 where id = (select min(entry_id) from ledger_lines where ${line(told, 1)})`,
      `insert into ledger_lines select * from ledger_lines where ${line(told, 1)}`,
      `update ledger_accounts a set balance = s.total
        from (select account_id, sum(amount) as total from ledger_lines group by 1) s where s.account_id = a.id`,
    ],
    ['INV-04', 'INV-06'],
  ],
  [
    'INV-12',
    'a counter is wrong',
    ({ told }) => [
      `update payments_batches set completed = completed - 1, failed = failed + 1 where id = ${told}`,
    ],
  ],
  [
    'INV-12',
    'a sum is wrong',
    ({ told }) => [`update payments_batches set completed_amount = completed_amount + 1 where id = ${told}`],
  ],
  [
    'INV-12',
    'a batch with an open line is called finished',
    ({ doubtful }) => [
      'alter table payments_batches drop constraint payments_batches_finished',
      `update payments_batches set finished_at = cauri_now() where id = ${doubtful}`,
      `insert into audit_events (actor, action, subject) select 'x', 'bulk.finished', bulk_id from bulk_batches where id = ${doubtful}`,
    ],
    ['INV-25'],
  ],
  [
    'INV-13',
    'a reservation is not of its batch',
    ({ waiting }) => [`update ledger_lines set batch_id = null where batch_id = ${waiting}`],
  ],
  [
    'INV-13',
    'what was cancelled is counted for another batch',
    ({ cancelled, waiting }) => [
      `update ledger_lines set batch_id = ${waiting} where batch_id = ${cancelled} and entry_id = ${entryOf('batch.cancelled')}`,
    ],
  ],
  [
    'INV-18',
    'an attempt appears without a refusal',
    ({ waiting }) => [`update payments_lines set attempt = 2 where ${line(waiting, 1)}`],
  ],
  [
    'INV-19',
    'something happens after the end',
    ({ told }) => [
      `insert into payments_evidence (batch_id, seq, attempt, what) values (${told}, 4, 1, 'UNCERTAIN')`,
    ],
  ],
  [
    'INV-20',
    'lines wait, the connection runs, and nobody drives it',
    ({ waiting }) => [
      `update payments_connections set state = 'RUNNING', stopped_because = null, stopped_at = null, lease_until = null`,
      `update payments_batches set created_at = created_at - interval '1 hour' where id = ${waiting}`,
    ],
  ],
  [
    'INV-21',
    'nobody pursues an uncertain line',
    ({ doubtful }) => [`delete from payments_pursuits where batch_id = ${doubtful}`],
  ],
  [
    'INV-21',
    'a line that ended is pursued',
    ({ told }) => [
      `insert into payments_pursuits (batch_id, seq, connection_id, attempt, state, rail_reference, next_at) values (${told}, 1, 'mojaloop', 1, 'UNCERTAIN', 'x', cauri_now())`,
    ],
  ],
  [
    'INV-22',
    'a callback was never handed on',
    () => [`delete from audit_events where action = 'webhook.queued'`],
    ['INV-25'],
  ],
  [
    'INV-22',
    'a callback waits although it was handed on',
    ({ told }) => [
      `insert into platform_outbox (kind, subject, payload) select 'bulk.finished', bulk_id, '{}' from bulk_batches where id = ${told}`,
    ],
  ],
  [
    'INV-22',
    'a finished batch is not in the trail',
    ({ cancelled }) => [
      `delete from audit_events e using bulk_batches b where b.id = ${cancelled} and e.subject = b.bulk_id and e.action = 'bulk.finished'`,
    ],
    ['INV-25'],
  ],
  [
    'INV-23',
    'a transfer is credited and not committed',
    () => [`update payments_incoming set state = 'RESERVED', committed_at = null where transfer_id = 'in-1'`],
  ],
  [
    'INV-23',
    'a credit is of another amount',
    () => [`update payments_incoming set amount = amount + 1 where transfer_id = 'in-1'`],
  ],
  [
    'INV-24',
    'a key is held for a day',
    () => [
      `insert into platform_idempotency (scope, key, fingerprint, token, lease_until) values ('s', 'k', sha256('x'), gen_random_uuid(), clock_timestamp() + interval '1 day')`,
    ],
  ],
  [
    'INV-26',
    'a settlement is not in the trail',
    () => [
      `delete from audit_events where id = (select min(id) from audit_events where action = 'payouts.settled' and detail ->> 'paid' <> '0')`,
    ],
    ['INV-25'],
  ],
  [
    'INV-26',
    'a top-up is not in the trail',
    () => [`delete from audit_events where action = 'account.topped-up'`],
    ['INV-25'],
  ],
  [
    'INV-25',
    'the end of the log is cut off',
    () => [
      `delete from audit_leaves where leaf_index = (select max(leaf_index) from audit_leaves)`,
      `insert into audit_unsealed select id from audit_events where id not in (select event_id from audit_leaves) on conflict do nothing`,
    ],
  ],
  [
    'INV-25',
    'an act waits for a second seal',
    () => [`insert into audit_unsealed select min(event_id) from audit_leaves`],
  ],
  [
    'INV-25',
    'an act came in past the sealer',
    () => [`insert into audit_events (actor, action, subject) values ('x', 'x', 'x')`],
  ],
  ['INV-25', 'the newest checkpoint is gone', () => ['delete from audit_checkpoints']],
  [
    'INV-27',
    'one person alone closed a line',
    () => [
      'alter table payments_reviews drop constraint payments_reviews_two_people',
      `update payments_reviews set confirmed_by = ' AWA '`,
    ],
  ],
  ['INV-27', 'a line was closed by people, and the review is gone', () => ['delete from payments_reviews']],
  [
    'INV-28',
    'a guard is switched off',
    () => ['alter table ledger_lines disable trigger ledger_lines_append_only'],
  ],
  ['INV-28', 'a guard is gone', () => ['drop trigger audit_events_append_only on audit_events']],
  ['INV-28', 'the application may change the past', () => ['grant update on ledger_lines to cauri_app']],
  [
    'INV-29',
    'a line is paid from somebody else’s account',
    ({ waiting }) => [`update payments_lines set account_id = ${other} where ${line(waiting, 1)}`],
  ],
  [
    'INV-29',
    'a batch is in another currency than its account',
    ({ waiting }) => [`update payments_batches set currency = 'XAF' where id = ${waiting}`],
  ],
  [
    'INV-30',
    'a column of money has a fraction',
    () => ['alter table payments_accounts add column credit_limit numeric(12, 2)'],
  ],
  [
    'INV-35',
    'a batch ended before it began',
    ({ told }) => [
      `update payments_batches set finished_at = created_at - interval '1 second' where id = ${told}`,
    ],
  ],
  [
    'INV-36',
    'a reason was posted twice',
    () => [
      'alter table ledger_entries drop constraint ledger_entries_reason_key',
      `update ledger_entries set reason = (select min(reason) from ledger_entries where kind = 'batch.reserved') where kind = 'batch.reserved'`,
    ],
  ],
  [
    'INV-37',
    'a claimed line is forgotten',
    ({ waiting }) => [
      `update payments_batches set next_seq = 2 where id = ${waiting}`,
      `insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state) values (${waiting}, 1, 1, 'mojaloop', 1, 'DONE')`,
    ],
  ],
  [
    'INV-38',
    'a line is called paid late, and nothing is booked',
    ({ told }) => [`update payments_lines set error_code = 'PAID_LATE' where ${line(told, 4)}`],
  ],
  ['INV-39', 'nobody is asked about a fee', () => ['delete from payments_fee_questions']],
  [
    'INV-39',
    'a payer was charged for a fee that the house bears',
    () => [`update payments_fee_questions set borne_by = 'HOUSE'`],
  ],
  [
    'INV-39',
    'two people said that the payer bears a fee, and nothing was taken',
    () => [`update ledger_entries set kind = 'test' where kind = 'fee.charged'`],
  ],
  [
    'INV-40',
    'evidence is of no line',
    () => [`insert into payments_evidence (batch_id, seq, attempt, what) values (999, 1, 1, 'UNCERTAIN')`],
  ],
  ['INV-41', 'evidence is gone', ({ told }) => [`delete from payments_evidence where ${line(told, 4)}`]],
  [
    'INV-42',
    'a bulk transfer is given to another organisation',
    ({ told }) => [
      `insert into identity_organizations (name) values ('another')`,
      `update bulk_batches set organization_id = (select id from identity_organizations where name = 'another') where id = ${told}`,
    ],
  ],
  [
    'INV-42',
    'the making of a bulk transfer is not in the trail',
    ({ waiting }) => [
      `delete from audit_events e using bulk_batches b where b.id = ${waiting} and e.subject = b.bulk_id`,
    ],
    ['INV-25'],
  ],
  [
    'INV-45',
    'a batch that awaits approval is opened by hand',
    ({ awaiting }) => [
      `update payments_batches set awaits_approval = false, open = true where id = ${awaiting}`,
    ],
  ],
  [
    'INV-45',
    'a batch that awaits approval is claimed',
    ({ awaiting }) => [
      'alter table payments_batches drop constraint payments_batches_awaits_approval',
      `update payments_batches set next_seq = 2 where id = ${awaiting}`,
      `insert into payments_ranges (batch_id, from_seq, to_seq, connection_id, token, state) values (${awaiting}, 1, 1, 'mojaloop', 1, 'FREED')`,
    ],
  ],
  [
    'INV-45',
    'who made a batch has approved it',
    () => [
      'alter table bulk_approvals drop constraint bulk_approvals_another_person',
      `update bulk_approvals set maker_people = array[decided_person_id] where state = 'APPROVED'`,
    ],
  ],
  [
    'INV-45',
    'a decision that is needed is asked of nobody',
    ({ awaiting }) => [`delete from bulk_approvals where batch_id = ${awaiting}`],
  ],
  [
    'INV-46',
    'another amount was booked than two people said',
    () => [`update payments_top_ups set amount = amount + 1 where state = 'BOOKED'`],
  ],
  [
    'INV-46',
    'a proposal counts as booked',
    () => [
      `update payments_top_ups set state = 'BOOKED', decided_by = 'x', decided_person_id = 1, decided_at = cauri_now() where state = 'PROPOSED'`,
    ],
  ],
  [
    'INV-43',
    'nobody seals',
    () => [
      'set local session_replication_role = origin',
      `insert into audit_events (actor, action, subject, at) values ('x', 'x', 'x', clock_timestamp() - interval '2 hours')`,
    ],
  ],
  ['INV-44', 'a guard is taken off', () => ['alter table bulk_batches disable row level security']],
  [
    'INV-44',
    'a table leads to one unguarded',
    () => ['alter table payments_batches disable row level security'],
  ],
  ['INV-44', 'a new table is forgotten', () => ['create table payments_trials (organization_id bigint)']],
  ['INV-44', 'the worker would see nothing', () => ['drop policy everything on payments_accounts']],
  ['INV-44', 'a view leads around', () => ['alter view bulk_public_batches reset (security_invoker)']],
]

class Enough extends Error {}

/** Does it as the owner in a transaction that is never committed, and answers the ids that are found broken in it. */
async function brokenBy(statements: readonly string[]): Promise<string[]> {
  let ids: string[] = []
  const work = async (tx: Tx): Promise<void> => {
    await tx.run(sql`set local session_replication_role = replica`)
    for (const text of statements) await tx.run({ text, values: [] })
    ids = (await breachesOf(tx, invariantsOf('sandbox'))).map(({ id }) => id)
    throw new Enough()
  }
  await owner.tx(work).catch((error: unknown) => {
    if (!(error instanceof Enough)) throw error
  })
  return [...new Set(ids)]
}

const cases = breaks.map(([id, how, statements, also = []]) => ({ id, how, statements, also }))
test.each(cases)('$id is found when $how, and nothing else is', async ({ id, statements, also }) => {
  expect(new Set(await brokenBy(statements(lists)))).toEqual(new Set([id, ...also]))
})

test('every invariant that is asked for has been broken above', () => {
  const broken = new Set(breaks.map(([id]) => id))
  expect(invariantsOf('sandbox').flatMap(({ id }) => (broken.has(id) ? [] : [id]))).toEqual([])
})

test('in production a server that may forget what it confirmed is found as well', async () => {
  const only = invariantsOf('production').filter(({ production_only }) => production_only === true)
  expect(only.map(({ id }) => id)).toEqual(['INV-31'])
  const { fsync } = await owner.one<{ fsync: string }>(sql`show fsync`)
  const found = (await breachesOf(db, only)).map((breach) => breach.found)
  expect(found.includes('setting fsync, is off')).toBe(fsync === 'off')
  await owner.tx(async (tx) => {
    await tx.run(sql`set local synchronous_commit = off`)
    const now = (await breachesOf(tx, only)).map((breach) => breach.found)
    expect(now).toContain('setting synchronous_commit, is off')
  })
})

test('what is found names nobody: no phone number, no name', async () => {
  const personal = await db.many<{ party_identifier: string }>(
    sql`select party_identifier from payments_lines`,
  )
  const found: string[] = []
  const work = async (tx: Tx): Promise<void> => {
    await tx.run(sql`set local session_replication_role = replica`)
    for (const text of [
      'delete from payments_evidence',
      'delete from payments_pursuits',
      'delete from payments_ranges',
      'delete from audit_events',
      'update ledger_lines set seq = seq + 1, amount = amount + 1',
      `update payments_incoming set state = 'RESERVED', committed_at = null where transfer_id = 'in-1'`,
    ])
      await tx.run({ text, values: [] })
    found.push(...(await breachesOf(tx, invariantsOf('sandbox'))).map((breach) => breach.found))
    throw new Enough()
  }
  await expect(owner.tx(work)).rejects.toThrow(Enough)
  expect(found.length).toBeGreaterThan(20)
  for (const { party_identifier } of personal) expect(found.join()).not.toContain(party_identifier)
  expect(found.join()).not.toContain('22890110009')
})

test('ids are unique, and each name is said in two languages', () => {
  const all = invariantsOf('production')
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  expect(all.length).toBeGreaterThan(ledgerInvariants.length)
  for (const { name } of all) expect(name.en).not.toBe(name.fr)
})
