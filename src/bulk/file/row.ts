import { currencies, type Currency } from '../../platform/money.ts'
import { type PartyType, partyTypes } from '../../platform/party.ts'
import type { CellFault } from './explain.ts'
import type { Header, Role } from './header.ts'

/** One valid data row. */
export type Row = {
  /** From 1, among the data rows. */
  readonly seq: number
  /** The line of the file where the row begins. */
  readonly line: number
  /** Empty in a PAYMENT_LIST, where it is to be generated. */
  readonly transfer_id: string
  /** Minor units. */
  readonly amount: bigint
  readonly currency: Currency
  readonly party_type: PartyType
  /** An MSISDN is kept as digits only. */
  readonly party_identifier: string
  /** Empty when the file has no name. */
  readonly payee_name: string
  /** The other columns that are not empty, as a JSON object by column name; empty when there are none. */
  readonly extra: string
}

/** Told of every fault; the cell is undefined for a fault of the whole row. */
export type Report = (code: CellFault, role?: Role, cell?: string) => void

/** Mojaloop's Name type (FSPIOP API 1.1 §7.2.4): longer names would be refused by the rail. */
export const MAX_NAME = 128
const AMOUNT = /^\d{1,16}$/
const IDENTIFIER = /^[A-Za-z0-9@._+-]{1,128}$/
/** E.164 §6: at most 15 digits, calling code included. */
const MSISDN = /^\+?\d{6,15}$/
const codes = Object.keys(currencies) as Currency[] // its keys are that type

/** Checks the cells of a row and reports every fault. `undefined` when there was one. */
export function checkRow(
  header: Header,
  cells: readonly string[],
  { seq, line, report }: { readonly seq: number; readonly line: number; readonly report: Report },
): Row | undefined {
  if (cells.length !== header.width) {
    report(cells.length < header.width ? 'ROW_TOO_SHORT' : 'ROW_TOO_LONG')
    return undefined
  }
  const { roles } = header
  const transfer_id = roles.transfer_id === undefined ? '' : (cells[roles.transfer_id.index] ?? '')
  const amount = readAmount(cells[roles.amount.index] ?? '')
  const currency_cell = cells[roles.currency.index] ?? ''
  const type_cell = cells[roles.party_type.index] ?? ''
  // Comparing with a few words is faster than hashing a freshly cut string for a look-up.
  const currency = codes.find((code) => code === currency_cell)
  const party_type = partyTypes.find((type) => type === type_cell)
  const identifier = cells[roles.party_identifier.index] ?? ''
  const payee_name = roles.name === undefined ? '' : (cells[roles.name.index] ?? '').trim()

  const id_ok = roles.transfer_id === undefined || IDENTIFIER.test(transfer_id)
  const identifier_ok = (party_type === 'MSISDN' ? MSISDN : IDENTIFIER).test(identifier)
  const name_ok = payee_name.length <= MAX_NAME
  if (!id_ok) report('TRANSFER_ID_INVALID', 'transfer_id', transfer_id)
  if (amount === undefined) report('AMOUNT_INVALID', 'amount', cells[roles.amount.index])
  if (currency === undefined) report('CURRENCY_UNSUPPORTED', 'currency', currency_cell)
  if (party_type === undefined) report('PARTY_TYPE_UNKNOWN', 'party_type', type_cell)
  if (!identifier_ok)
    report(party_type === 'MSISDN' ? 'MSISDN_INVALID' : 'IDENTIFIER_INVALID', 'party_identifier', identifier)
  if (!name_ok) report('NAME_TOO_LONG', 'name', payee_name)
  if (!id_ok || !identifier_ok || !name_ok || amount === undefined) return undefined
  if (currency === undefined || party_type === undefined) return undefined

  const party_identifier = party_type === 'MSISDN' && identifier[0] === '+' ? identifier.slice(1) : identifier
  const extra = header.extras.length === 0 ? '' : extraOf(header, cells)
  return { seq, line, transfer_id, amount, currency, party_type, party_identifier, payee_name, extra }
}

/** Up to 16 digits as a number: safe up to 2^53−1, and whatever is above rounds to above. */
function readAmount(cell: string): bigint | undefined {
  if (!AMOUNT.test(cell)) return undefined
  const amount = Number(cell)
  return amount >= 1 && Number.isSafeInteger(amount) ? BigInt(amount) : undefined
}

function extraOf(header: Header, cells: readonly string[]): string {
  const filled = header.extras.filter(({ index }) => cells[index] !== '')
  if (filled.length === 0) return ''
  // fromEntries defines properties, so a column called __proto__ is only a column.
  return JSON.stringify(Object.fromEntries(filled.map(({ index, name }) => [name, cells[index]])))
}
