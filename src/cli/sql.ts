import { InvalidArgumentError } from 'commander'
import { sql, sqlState, type Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { MAX_AMOUNT } from '../platform/money.ts'
import { withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { leaf, type Common, type Group } from './group.ts'
import { columns, print } from './print.ts'
import { Stop } from './stop.ts'
import { inWords, type Sentence } from './words.ts'

type SqlOptions = Common & { readonly timeout: number }
type Row = Readonly<Record<string, unknown>>

export const sqlCommand: Group = (program) => {
  leaf(program, 'sql', 'look at the database: one statement, read only')
    .argument('<statement>', 'such as "select * from payments_connections"')
    .option('--timeout <seconds>', 'longest run', readSeconds, 30)
    .action(async (statement: string, options: SqlOptions) => {
      const rows = await withDatabase((db) => read(db, statement, options.timeout * 1_000), 'cauri_reader')
      const plain = rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([k, v]) => [k, plainOf(v)])),
      )
      print(options, { rows: plain }, () => tableOf(plain))
    })
}

function readSeconds(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 3_600) return seconds
  throw new InvalidArgumentError('A number of seconds up to 3600 is needed.')
}

/**
 * Runs the statement as the reader, who has no secrets, in a read-only transaction. Three things keep it so: only statements
 * that read may begin; the extended protocol takes one statement at a time (PostgreSQL, protocol message flow §55.2.3),
 * so that nothing can commit and go on; and after the first query the transaction cannot be made read-write any more.
 */
async function read(db: Db, statement: string, timeout_ms: number): Promise<Row[]> {
  if (!/^[\s(]*(select|with|values|table|show|explain)\b/i.test(withoutComments(statement)))
    throw new Refusal('SQL_NOT_READ_ONLY')
  const query = { text: statement, values: [], queryMode: 'extended' }
  try {
    return await db.tx(
      async (tx) => {
        await tx.run(sql`set transaction read only`)
        await tx.run(sql`select`)
        return tx.many<Row>(query)
      },
      { timeout_ms },
    )
  } catch (error) {
    // The statement is the caller's: what PostgreSQL says about it is the answer, not a fault of ours.
    if (sqlState(error) === '' || !(error instanceof Error)) throw error
    const said = { en: error.message, fr: error.message }
    if (sqlState(error) === '42501') throw new Stop(exits.failed, notForReading(error.message))
    // 25006: it would write; several commands in one text are a syntax error like others.
    const writes = sqlState(error) === '25006' || error.message.includes('multiple commands')
    throw writes ? new Refusal('SQL_NOT_READ_ONLY', { detail: said }) : new Stop(exits.failed, said)
  }
}

/** PostgreSQL names the table, never the column. */
const notForReading = (said: string): Sentence => ({
  en: `${said}. Secrets cannot be read: name the columns that you want instead of *`,
  fr: `${said}. Les secrets ne se lisent pas : nommez les colonnes voulues au lieu de *`,
})

const withoutComments = (statement: string): string =>
  statement.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '')

/** A value as JSON can carry it: whole numbers where they fit, else text. */
function plainOf(value: unknown): unknown {
  if (typeof value === 'bigint')
    return value <= MAX_AMOUNT && value >= -MAX_AMOUNT ? Number(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`
  if (Array.isArray(value)) return value.map(plainOf)
  return value
}

function tableOf(rows: readonly Row[]): string {
  const [first] = rows
  if (first === undefined) return inWords({ en: '(no row)', fr: '(aucune ligne)' })
  const names = Object.keys(first)
  const numbers = names.filter((name) => typeof first[name] === 'number')
  const text = (value: unknown): string =>
    value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  return columns(
    names,
    rows.map((row) => names.map((name) => text(row[name]))),
    numbers,
  )
}
