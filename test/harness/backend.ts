import { randomUUID } from 'node:crypto'
import { ensureOrganization } from '../../src/identity/index.ts'
import { checkLedger } from '../../src/ledger/index.ts'
import { createAccount, openBackendListener, type BackendListener } from '../../src/payments/index.ts'
import { readConfig } from '../../src/platform/config.ts'
import { openDb, sql, type Db, type Sql } from '../../src/platform/db.ts'
import { openLog } from '../../src/platform/log.ts'
import type { Currency } from '../../src/platform/money.ts'
import { until } from './wait.ts'

export type Reply = {
  readonly status: number
  readonly type: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any
}

/** What the scheme adapter is to its backend: plain HTTP with JSON, no credentials. */
export type Adapter = {
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Reply>
  readonly transfer: (id: string, terms?: Terms) => Promise<Reply>
  readonly notify: (id: string, transferState: string) => Promise<Reply>
}

export type Terms = {
  readonly to?: string
  readonly amount?: string
  readonly currency?: string
  readonly note?: string
}

const JSON_TYPE = { 'content-type': 'application/json' }

export function adapterAt(port: number): Adapter {
  const call: Adapter['call'] = async (method, path, body, headers = {}) => {
    const init =
      body === undefined
        ? { method, headers }
        : { method, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
    const text = await answer.text()
    return {
      status: answer.status,
      type: answer.headers.get('content-type') ?? '',
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    }
  }
  return {
    call,
    transfer: (id, terms) => call('POST', '/transfers', transferBody(id, terms)),
    notify: (id, transferState) =>
      call('PUT', `/transfers/${id}`, {
        currentState: 'COMPLETED',
        direction: 'INBOUND',
        finalNotification: { completedTimestamp: '2026-11-22T10:00:00.000Z', transferState },
      }),
  }
}

export const PAYEE = '22893334455'

const termsBody = ({ to = PAYEE, amount = '10000', currency = 'XOF', note }: Terms): object => ({
  to: { idType: 'MSISDN', idValue: to, fspId: 'cauri' },
  from: {
    idType: 'MSISDN',
    idValue: '22899887766',
    firstName: 'Kofi',
    lastName: 'Mensah',
    fspId: 'payerfsp',
  },
  amountType: 'SEND',
  amount,
  currency,
  transactionType: 'TRANSFER',
  initiator: 'PAYER',
  initiatorType: 'CONSUMER',
  ...(note === undefined ? {} : { note }),
})

export const quoteBody = (terms: Terms = {}): object => ({
  quoteId: randomUUID(),
  transactionId: randomUUID(),
  ...termsBody(terms),
})

/** As the adapter projects an incoming prepare for its backend, quote and opened ILP packet included. */
export const transferBody = (transferId: string, terms: Terms = {}): object => ({
  transferId,
  ...termsBody(terms),
  quote: { quoteId: 'c0ffee00-0000-4000-8000-000000000001', transactionId: transferId },
  ilpPacket: { data: { transactionId: transferId } },
})

/** The listener on a free port of this process, on that database. */
export const openBackend = (
  db: Db,
  options: {
    readonly credit?: 'AT_TRANSFER' | 'AT_NOTIFICATION'
    readonly wake?: () => void
    readonly env?: Record<string, string>
  } = {},
): Promise<BackendListener> => {
  const config = readConfig({ LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent', ...options.env })
  const { credit = 'AT_TRANSFER', wake = () => undefined } = options
  return openBackendListener({ db, log: openLog(config.LOG_LEVEL), config }, { port: 0, credit, wake })
}

/** An account that can be paid; MSISDN, XOF and empty unless given. */
export const openPayee = (
  db: Db,
  account_id: string,
  given: {
    readonly identifier?: string
    readonly currency?: Currency
    readonly organization?: string
    readonly opening_balance?: bigint
  } = {},
): Promise<void> =>
  db.tx(async (tx) => {
    const { identifier = PAYEE, currency = 'XOF', organization = 'Caisse des Retraites d’Aného' } = given
    const { id: organization_id } = await ensureOrganization(tx, organization)
    await createAccount(tx, 'test', {
      organization_id,
      account_id,
      party_id_type: 'MSISDN',
      party_identifier: identifier,
      currency,
      opening_balance: given.opening_balance ?? 0n,
    })
  })

/** What an account has received through the rail, by the ledger's own lines. */
export const receivedBy = async (db: Db, account_id: string): Promise<bigint> =>
  (
    await db.one<{ sum: bigint }>(sql`
      select coalesce(sum(l.amount), 0)::bigint as sum
      from payments_accounts a join ledger_lines l on l.account_id = a.ledger_account_id
      join ledger_entries e on e.id = l.entry_id
      where a.account_id = ${account_id} and e.kind = 'incoming.credited'`)
  ).sum

/** What does not fit: the ledger's breaches, and committed transfers without their entry or the reverse. */
export const mismatches = async (db: Db): Promise<object[]> => [
  ...(await checkLedger(db)),
  ...(await db.many(sql`
    select i.transfer_id, i.state, i.amount, e.reason, l.amount as credited
    from payments_incoming i
    left join payments_accounts a on a.id = i.account_id
    full join (select * from ledger_entries where kind = 'incoming.credited') e
      on e.reason = 'incoming.credited:' || i.transfer_id
    left join ledger_lines l on l.entry_id = e.id and l.account_id = a.ledger_account_id
    where i.transfer_id is null or (i.state = 'COMMITTED') is distinct from (l.amount is not distinct from i.amount)`)),
]

export type HeldLock = {
  /** Resolves once somebody waits for a lock in this database. */
  readonly awaited: () => Promise<unknown>
  readonly release: () => Promise<void>
}

/** Takes a lock in a transaction of its own and holds it: what needs the row stops in the middle of its work. */
export async function holdLock(url: string, lock: Sql): Promise<HeldLock> {
  const owner = openDb({ url, max: 2 })
  let letGo = (): void => undefined
  const over = new Promise<void>((resolve) => (letGo = resolve))
  let taken = (): void => undefined
  const held = new Promise<void>((resolve) => (taken = resolve))
  const holding = owner.tx(async (tx) => {
    await tx.run(lock)
    taken()
    await over
  })
  await Promise.race([held, holding])
  return {
    awaited: () =>
      until('somebody waits for the lock', async () => {
        const waiting = await owner.one<{ n: bigint }>(sql`
          select count(*) as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`)
        return waiting.n > 0n
      }),
    release: async () => {
      letGo()
      await holding
      await owner.end()
    },
  }
}
