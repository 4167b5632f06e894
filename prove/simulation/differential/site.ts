import { sha256 } from '../../../src/platform/ids.ts'
import { ensureOrganization } from '../../../src/identity/index.ts'
import {
  createAccount,
  ensureConnection,
  findAccount,
  nextBatchId,
  reserve,
  writeLines,
  type NewLine,
} from '../../../src/payments/index.ts'
import type { PaymentStore } from '../../../src/payments/engine/ports.ts'
import type { Claim, DueRow } from '../../../src/payments/sql/drive.ts'
import { sqlStore } from '../../../src/payments/sql/store.ts'
import { sql, type Db, type Tx } from '../../../src/platform/db.ts'
import { dumpMemory, dumpSql } from './dump.ts'
import { openLedger } from '../memory/ledger.ts'
import { openMemoryStore, openStatements, type Handle } from '../memory/store.ts'
import { endTransaction, nextId, openTables, type LineRow, type Tables } from '../memory/tables.ts'

export const HOUR_MS = 3_600_000

/** One of the two stores with what a sequence of operations knows of it: ids differ between them, places do not. */
export type Site = {
  readonly store: PaymentStore
  readonly db: Db
  readonly connection: string
  readonly newId: () => string
  readonly batches: bigint[]
  /** Ranges in the order in which they were claimed or split. */
  readonly ranges: (readonly bigint[])[]
  readonly claims: Claim[]
  due: DueRow[]
  readonly attemptOf: (tx: Tx, batch_id: bigint, seq: number) => Promise<number>
  /** Everything that is stored, with places for ids and hours for times. */
  readonly dump: () => Promise<unknown>
  readonly addBatch: (amounts: readonly bigint[], fee_cap: bigint) => Promise<void>
  readonly advance: (hours: number) => Promise<void>
  readonly expireLease: () => Promise<void>
}

const names = (): (() => string) => {
  let n = 0
  return () => `set-${++n}`
}

/** The real one. */
export async function sqlSite(db: Db, connection: string): Promise<Site> {
  await ensureConnection(db, connection, connection)
  const account_id = `payer-${connection}`
  const { id: organization_id } = await db.tx((tx) => ensureOrganization(tx, 'Differential'))
  const party = { party_id_type: 'MSISDN', party_identifier: 'ana' } as const
  const account = {
    organization_id,
    account_id,
    ...party,
    currency: 'XOF',
    opening_balance: 1_000_000n,
  } as const
  await db.tx((tx) => createAccount(tx, 'test', account))
  const batches: bigint[] = []
  const prefix = names()
  return {
    store: sqlStore,
    db,
    connection,
    batches,
    ranges: [],
    claims: [],
    due: [],
    newId: () => `${connection}:${prefix()}`,
    attemptOf: async (tx, batch, seq) =>
      (
        await tx.maybeOne<{ attempt: number }>(sql`
          select attempt from payments_lines where batch_id = ${batch} and seq = ${seq}`)
      )?.attempt ?? 1,
    dump: () => dumpSql(db, connection, batches),
    async addBatch(amounts, fee_cap) {
      const id = await db.tx(async (tx) => {
        const payer = await findAccount(tx, organization_id, account_id)
        const batch_id = await nextBatchId(tx)
        await writeLines(tx, batch_id, payer, chunk(linesOf(batches.length, amounts)))
        const total_amount = amounts.reduce((sum, amount) => sum + amount, 0n)
        const order = { batch_id, connection_id: connection, purpose: 'BULK_LINE', fee_cap }
        await reserve(tx, payer, payer.available, { ...order, total: amounts.length, total_amount })
        return batch_id
      })
      batches.push(id)
    },
    advance: async (hours) => void (await db.run(sql`select platform_advance_clock(${hours * 3_600})`)),
    expireLease: async () =>
      void (await db.run(sql`
        update payments_connections set lease_until = clock_timestamp() - interval '1 minute'
        where id = ${connection} and lease_until is not null`)),
  }
}

const linesOf = (batch: number, amounts: readonly bigint[]): NewLine[] =>
  amounts.map((amount, i) => ({
    seq: i + 1,
    transfer_id: `t-${batch}-${i + 1}`,
    amount,
    party_type: 'MSISDN',
    party_identifier: `${batch}-${i + 1}`,
    payee_name: '',
    extra: '',
  }))

async function* chunk(lines: NewLine[]): AsyncGenerator<NewLine[]> {
  await Promise.resolve()
  yield lines
}

/** The one in memory, with every transaction at once. */
export function memorySite(connection: string): Site & { readonly tables: Tables } {
  const tables = openTables()
  let now = 1_000 * HOUR_MS
  const ledger = openLedger(tables)
  const row = { id: connection, worker: null, token: 0n, lease_until: null, state: 'RUNNING' as const }
  tables.connections.set(connection, { ...row, stopped_because: null, mode: null, needs_operator: false })
  const account = nextId(tables)
  const payer = ledger.openAccount('payer', 'XOF', 'ZERO')
  const money = { party_id_type: 'MSISDN', party_identifier: 'ana' } as const
  tables.accounts.set(account, { id: account, ledger_account_id: payer, ...money })
  ledger.post([entry('account.opened', ledger.systemAccount('opening', 'XOF'), payer, 1_000_000n)])
  const batches: bigint[] = []
  return {
    tables,
    connection,
    batches,
    ranges: [],
    claims: [],
    due: [],
    store: openMemoryStore(openStatements(tables, () => now)),
    db: memoryDb(tables),
    newId: names(),
    attemptOf: (_tx, batch, seq) => Promise.resolve(tables.batches.get(batch)?.lines[seq - 1]?.attempt ?? 1),
    dump: () => Promise.resolve(dumpMemory(tables, connection, batches, now)),
    addBatch(amounts, fee_cap) {
      const id = nextId(tables)
      const total = amounts.length
      const total_amount = amounts.reduce((sum, amount) => sum + amount, 0n)
      const hold_account_id = ledger.openAccount(`bulk:${id}`, 'XOF', 'ZERO')
      const lines = linesOf(batches.length, amounts).map(
        ({ payee_name: _, extra: __, ...line }): LineRow => ({
          ...{
            ...line,
            batch_id: id,
            account_id: account,
            fee: 0n,
            attempt: 1,
            state: 'NEW',
            payee_name: null,
          },
          error_code: null,
          error_message: null,
          fulfilment: null,
          completed_at: null,
          xmin: 0,
        }),
      )
      tables.batches.set(id, {
        id,
        connection_id: connection,
        account_id: account,
        hold_account_id,
        purpose: 'BULK_LINE',
        ...{
          currency: 'XOF',
          secret: sha256('x').subarray(0, 16),
          fee_cap,
          total,
          total_amount,
          next_seq: 1,
        },
        open: true,
        cancelled_from: null,
        paused: false,
        pause_reason: null,
        completed: 0,
        failed: 0,
        ...{
          cancelled: 0,
          uncertain: 0,
          completed_amount: 0n,
          fees: 0n,
          version: 0n,
          finished_at: null,
          lines,
        },
      })
      ledger.post([
        entry('batch.reserved', payer, hold_account_id, total_amount + fee_cap * BigInt(total), id),
      ])
      endTransaction(tables, true)
      batches.push(id)
      return Promise.resolve()
    },
    advance(hours) {
      now += hours * HOUR_MS
      return Promise.resolve()
    },
    expireLease() {
      const held = tables.connections.get(connection)
      if (held !== undefined && held.lease_until !== null) held.lease_until = now - 60_000
      return Promise.resolve()
    },
  }
}

const entry = (kind: string, from: bigint, to: bigint, amount: bigint, id = 0n) => ({
  reason: `${kind}:${id}`,
  kind,
  lines: [
    { account: from, amount: -amount },
    { account: to, amount },
  ],
})

function memoryDb(tables: Tables): Db {
  const tx = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const handle: Handle = { run: (statement) => new Promise((resolve) => resolve(statement())) }
    try {
      const result = await work(handle as unknown as Tx)
      endTransaction(tables, true)
      return result
    } catch (error) {
      endTransaction(tables, false)
      throw error
    }
  }
  const run = <T>(statement: () => T): Promise<T> => tx(() => new Promise((resolve) => resolve(statement())))
  return { tx, run } as unknown as Db
}
