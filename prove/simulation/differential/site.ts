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
import { dumpMemory, dumpSql, HOUR_MS } from './dump.ts'
import { newConnectionRow } from '../memory/new-rows.ts'
import { openPayer, reserveBatch } from '../memory/reserve.ts'
import { openMemoryStore, openStatements, type Handle } from '../memory/store.ts'
import { endTransaction, lineOf, nextId, openTables, type Tables } from '../memory/tables.ts'

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
  readonly addBatch: (amounts: readonly bigint[], fee_cap: bigint, awaits_approval: boolean) => Promise<void>
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
    async addBatch(amounts, fee_cap, awaits_approval) {
      const id = await db.tx(async (tx) => {
        const payer = await findAccount(tx, organization_id, account_id)
        const batch_id = await nextBatchId(tx)
        await writeLines(tx, batch_id, payer, chunk(linesOf(batches.length, amounts)))
        const total_amount = amounts.reduce((sum, amount) => sum + amount, 0n)
        const order = { batch_id, connection_id: connection, purpose: 'BULK_LINE', fee_cap, awaits_approval }
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
  tables.connections.set(connection, newConnectionRow(connection))
  const account_id = openPayer(tables, 'ana')
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
    attemptOf: (_tx, batch, seq) => Promise.resolve(lineOf(tables, batch, seq)?.attempt ?? 1),
    dump: () => Promise.resolve(dumpMemory(tables, connection, batches, now)),
    addBatch(amounts, fee_cap, awaits_approval) {
      const id = nextId(tables)
      const secret = sha256('x').subarray(0, 16)
      const lines = linesOf(batches.length, amounts)
      const order = { id, connection_id: connection, account_id, secret, fee_cap, awaits_approval, lines }
      reserveBatch(tables, order)
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
