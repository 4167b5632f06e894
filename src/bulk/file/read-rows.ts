import { type Fault, Refusal } from '../../platform/errors.ts'
import type { Language } from '../../platform/http/language.ts'
import { type Currency, MAX_AMOUNT } from '../../platform/money.ts'
import { doubtAbout } from '../../platform/phone/prefixes.ts'
import { type CellFault, describe, EXPONENT, explain, type Particulars } from './explain.ts'
import { faultAt, type Refuse, refuserIn } from './faults.ts'
import { type Format, type Header, readHeader, type Role } from './header.ts'
import { openListHash } from './list-hash.ts'
import { type Delimiter, readRecords, type Records } from './records.ts'
import { checkRow, MAX_NAME, type Row } from './row.ts'
import { type Encoding, readText, findEncoding } from './text.ts'

export type FileLimits = { readonly max_rows: number; readonly max_bytes: number }

/** Something to look at that refuses nothing: how often, and the first cases. */
export type FileWarning = {
  readonly code: string
  readonly count: number
  readonly samples: readonly Fault[]
}

export type FileSummary = {
  readonly format: Format
  readonly columns: Columns
  readonly encoding: Encoding
  readonly delimiter: Delimiter
  /** Data rows, valid or not. */
  readonly total: number
  /** Sum of the valid rows, minor units. */
  readonly total_amount: bigint
  /** Of the first row whose currency is one of ours. */
  readonly currency: Currency | undefined
  /** All faults of all rows, of which `errors` are the first 100. */
  readonly error_count: number
  readonly errors: readonly Fault[]
  readonly warnings: readonly FileWarning[]
  /** Of the valid rows: see `openListHash`. Two files with the same list have the same one. */
  readonly list_hash: string
}

export type ReadOptions = {
  /** Language of row faults (`fr` unless said otherwise). */
  readonly language?: Language
  /** True gives the valid rows even after a faulty one: for those who only look, never for those who store. */
  readonly past_faults?: boolean
}

/** The columns that were recognised, as the file spells them. */
export type Columns = Readonly<Partial<Record<Role, string>>>

export type RowReader = AsyncIterable<readonly Row[]> & {
  /** Known as soon as there are rows. */
  readonly columns: () => Columns
  /** Known when the rows have been read to the end; asking before is a bug. */
  readonly summary: () => FileSummary
}

const MAX_ERRORS = 100
const MAX_SAMPLES = 20

/**
 * Reads a CSV file of payments in memory that does not grow with it: two passes over the bytes, one over the rows.
 * Gives valid rows in chunks until the first fault; from there on it only counts and collects faults, for the file
 * will be refused as a whole (`rowsRefusal`). Throws what is wrong with the file itself: FILE_EMPTY, FILE_NOT_CSV,
 * FILE_HEADER_MISSING, FILE_HEADER_UNKNOWN, FILE_HAS_NO_ROWS, FILE_TOO_LARGE.
 */
export function readRows(
  path: string,
  limits: FileLimits,
  { language = 'fr', past_faults = false }: ReadOptions = {},
): RowReader {
  let summary: FileSummary | undefined
  let header: Header | undefined
  async function* rows(): AsyncGenerator<readonly Row[]> {
    const refuse = refuserIn(language)
    const encoding = await findEncoding(path, limits.max_bytes, refuse)
    header = undefined
    let tally: Tally | undefined
    let delimiter: Delimiter = ','
    for await (const records of readRecords(readText(path, encoding, refuse), refuse)) {
      delimiter = records.delimiter
      const [first] = records.cells
      if (first === undefined) continue
      const skip = header === undefined ? 1 : 0
      header ??= readHeader(first, records.lines[0] ?? 1, refuse)
      tally ??= openTally(header, limits.max_rows, { language, refuse })
      const valid = tally.take(records, skip)
      if (valid.length > 0 && (past_faults || !tally.isFaulty())) yield valid
    }
    if (header === undefined || tally === undefined) throw refuse('empty')
    const counts = tally.close()
    if (counts.total === 0) throw refuse('no_rows', { line: header.line })
    summary = { format: header.format, columns: namesOf(header), encoding, delimiter, ...counts }
  }
  return {
    [Symbol.asyncIterator]: rows,
    columns: () => (header === undefined ? {} : namesOf(header)),
    summary: () => {
      if (summary === undefined) throw new Error(`summary of ${path} before all its rows were read`)
      return summary
    },
  }
}

/** The refusal of a file for its rows, when it has faults: up to 100 of them and the count of all. */
export function rowsRefusal({
  error_count,
  errors,
}: Pick<FileSummary, 'error_count' | 'errors'>): Refusal | undefined {
  if (error_count === 0) return undefined
  const more = error_count > errors.length
  return new Refusal('FILE_ROWS_INVALID', {
    detail: {
      en: `${error_count} fault${error_count === 1 ? '' : 's'}${more ? `; the first ${errors.length} are listed` : ''}. Nothing was reserved.`,
      fr: `${error_count} erreur${error_count === 1 ? '' : 's'}${more ? ` ; les ${errors.length} premières sont listées` : ''}. Rien n’a été réservé.`,
    },
    errors,
    members: { error_count },
  })
}

const namesOf = ({ roles }: Header): Columns =>
  Object.fromEntries(Object.entries(roles).map(([role, column]) => [role, column.name]))

type Counts = Omit<FileSummary, 'format' | 'columns' | 'encoding' | 'delimiter'>
type Tally = {
  /** Checks the records after the first `skip` ones and gives the valid rows. */
  readonly take: (records: Records, skip: number) => Row[]
  readonly isFaulty: () => boolean
  readonly close: () => Counts
}

function openTally(
  header: Header,
  max_rows: number,
  { language, refuse }: { readonly language: Language; readonly refuse: Refuse },
): Tally {
  const list = openListHash()
  const faults = openFaults(header, language)
  let total = 0
  let total_amount = 0n
  let currency: Currency | undefined

  /** What needs the rows before: one currency, a total that JSON can carry. */
  const fitsFile = (row: Row): boolean => {
    currency ??= row.currency
    if (row.currency !== currency) {
      faults.report(row.line, 'CURRENCY_MIXED', { role: 'currency', cell: row.currency, expected: currency })
      return false
    }
    if (total_amount <= MAX_AMOUNT && total_amount + row.amount > MAX_AMOUNT)
      faults.report(row.line, 'TOTAL_TOO_LARGE', { role: 'amount', cell: String(row.amount) })
    total_amount += row.amount
    return true
  }
  const take = (cells: readonly string[], line: number): Row | undefined => {
    total++
    if (total > max_rows) throw refuse('rows', { line, max: max_rows })
    const row = checkRow(header, cells, {
      seq: total,
      line,
      report: (code, role, cell) =>
        faults.report(line, code, particularsOf(header, cells, { code, role, cell })),
    })
    if (row === undefined || !fitsFile(row)) return undefined
    list.add(row)
    faults.doubt(row)
    return row
  }
  return {
    take: (records, skip) => {
      const valid: Row[] = []
      for (let i = skip; i < records.cells.length; i++) {
        const row = take(records.cells[i] ?? [], records.lines[i] ?? 0)
        if (row !== undefined) valid.push(row)
      }
      return valid
    },
    isFaulty: () => faults.count() > 0,
    close: () => ({ total, total_amount, currency, list_hash: list.digest(), ...faults.close() }),
  }
}

type Found = Particulars & { readonly role?: Role | undefined; readonly cell?: string | undefined }

/** Counts given to the sentences that need them. */
function particularsOf(
  header: Header,
  cells: readonly string[],
  { code, role, cell }: { code: CellFault; role: Role | undefined; cell: string | undefined },
): Found {
  if (role === undefined) return { expected: header.width, found: cells.length }
  if (code === 'NAME_TOO_LONG') return { role, cell, expected: MAX_NAME, found: cell?.length ?? 0 }
  return { role, cell }
}

type Faults = {
  readonly report: (line: number, code: CellFault, found: Found) => void
  readonly doubt: (row: Row) => void
  readonly count: () => number
  readonly close: () => Pick<FileSummary, 'error_count' | 'errors' | 'warnings'>
}

/** Keeps the first faults and the first cases of each warning; counts the rest, so that memory stays bounded. */
function openFaults(header: Header, language: Language): Faults {
  const errors: Fault[] = []
  let error_count = 0
  const warnings = new Map<CellFault, { count: number; samples: Fault[] }>()
  const faultOf = (line: number, code: CellFault, { role, cell, ...particulars }: Found): Fault => {
    const column = role === undefined ? undefined : header.roles[role]?.name
    const place = { line, ...(column === undefined ? {} : { column }) }
    const sentence = describe(
      { ...place, ...(cell === undefined ? {} : { cell }) },
      explain(code, cell ?? '', particulars),
    )
    return faultAt(place, code, sentence[language])
  }
  const warn = (row: Row, code: CellFault): void => {
    const warning = warnings.get(code) ?? { count: 0, samples: [] }
    warnings.set(code, warning)
    warning.count++
    if (warning.samples.length < MAX_SAMPLES)
      warning.samples.push(faultOf(row.line, code, { role: 'party_identifier', cell: row.party_identifier }))
  }
  return {
    report: (line, code, found) => {
      error_count++
      if (errors.length < MAX_ERRORS) errors.push(faultOf(line, code, found))
    },
    doubt: (row) => {
      if (row.party_type === 'MSISDN') {
        const doubt = doubtAbout(row.party_identifier)
        if (doubt !== undefined) warn(row, `MSISDN_${doubt}`)
      } else if (EXPONENT.test(row.party_identifier)) warn(row, 'IDENTIFIER_SHORTENED')
    },
    count: () => error_count,
    close: () => ({
      error_count,
      errors,
      warnings: [...warnings].map(([code, { count, samples }]) => ({ code, count, samples })),
    }),
  }
}
