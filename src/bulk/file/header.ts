import { currencies } from '../../platform/money.ts'
import { partyTypes } from '../../platform/party.ts'
import { MAX_COLUMNS, type Refuse } from './faults.ts'

export type Format = 'STANDARD' | 'PAYMENT_LIST'
export type Role = 'transfer_id' | 'amount' | 'currency' | 'party_type' | 'party_identifier' | 'name'
/** A column by its place in the row and its name as the file spells it. */
export type Column = { readonly index: number; readonly name: string }
export type Header = {
  readonly format: Format
  readonly line: number
  readonly width: number
  readonly roles: Readonly<Record<Exclude<Role, 'transfer_id' | 'name'>, Column>> & {
    readonly transfer_id?: Column
    readonly name?: Column
  }
  /** The columns that mean nothing to us: kept with the row. */
  readonly extras: readonly Column[]
}

const formats = {
  STANDARD: {
    transfer_id: 'transferId',
    amount: 'amount',
    currency: 'currency',
    party_type: 'partyIdType',
    party_identifier: 'partyIdentifier',
  },
  PAYMENT_LIST: {
    party_type: 'type_id',
    party_identifier: 'valeur_id',
    currency: 'devise',
    amount: 'montant',
  },
} as const
const FORMATS = Object.values(formats)
  .map((format) => Object.values(format).join(','))
  .join(' / ')
/** The first of these that is present holds the payee's name. */
const NAMES = ['nom_complet', 'payeename', 'name', 'nom']

const key = (name: string): string => name.trim().toLowerCase()
const known = new Set([
  ...Object.values(formats).flatMap((format) => Object.values(format).map(key)),
  ...NAMES,
])

/** How many cells are names of columns that we know: what tells a header's delimiter and a header from data. */
export const countKnown = (cells: readonly string[]): number =>
  cells.filter((cell) => known.has(key(cell))).length

/** Recognises the header row by its column names, whatever their order and case. Refuses with what is missing. */
export function readHeader(cells: readonly string[], line: number, refuse: Refuse): Header {
  if (cells.length > MAX_COLUMNS) throw refuse('columns_many', { line, count: cells.length })
  if (countKnown(cells) === 0)
    throw refuse(cells.some(looksLikeData) ? 'header_missing' : 'columns_unknown', { line, formats: FORMATS })
  const columns = nameColumns(cells, line, refuse)
  const format = chooseFormat(columns, line, refuse)

  const find = (name: string): Column | undefined => columns.get(key(name))
  const required = (name: string): Column => {
    const column = find(name)
    if (column === undefined) throw new Error(`the header was accepted without its column ${name}`)
    return column
  }
  const names: Record<'amount' | 'currency' | 'party_type' | 'party_identifier', string> = formats[format]
  const name = NAMES.map(find).find((column) => column !== undefined)
  const roles = {
    ...(format === 'STANDARD' ? { transfer_id: required(formats.STANDARD.transfer_id) } : {}),
    amount: required(names.amount),
    currency: required(names.currency),
    party_type: required(names.party_type),
    party_identifier: required(names.party_identifier),
    ...(name === undefined ? {} : { name }),
  }
  const used = new Set(Object.values(roles))
  const extras = columns.values().filter((column) => !used.has(column))
  return { format, line, width: cells.length, roles, extras: [...extras] }
}

/** Columns by their lower-case name. One without a name (a spreadsheet's trailing delimiters) is called by its place. */
function nameColumns(cells: readonly string[], line: number, refuse: Refuse): Map<string, Column> {
  const columns = new Map<string, Column>()
  for (const [index, cell] of cells.entries()) {
    const name = cell.trim() === '' ? `column_${index + 1}` : cell.trim()
    if (columns.has(key(name))) throw refuse('column_twice', { line, column: name })
    columns.set(key(name), { index, name })
  }
  return columns
}

function chooseFormat(columns: ReadonlyMap<string, Column>, line: number, refuse: Refuse): Format {
  const missingIn = (format: Format): string[] =>
    Object.values(formats[format]).filter((name) => !columns.has(key(name)))
  const standard = missingIn('STANDARD')
  const list = missingIn('PAYMENT_LIST')
  if (standard.length === 0 && list.length === 0) throw refuse('columns_both', { line })
  if (standard.length === 0) return 'STANDARD'
  if (list.length === 0) return 'PAYMENT_LIST'
  const nearer = standard.length <= list.length ? standard : list
  throw refuse('columns_missing', { line, missing: nearer.join(', ') })
}

const DATA_WORDS = new Set<string>([...Object.keys(currencies), ...partyTypes])
const looksLikeData = (cell: string): boolean => /^\+?\d+$/.test(cell.trim()) || DATA_WORDS.has(cell.trim())
