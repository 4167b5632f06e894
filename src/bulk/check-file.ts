import { findAccount, findUsedTransferIds, listAccounts, type PayerAccount } from '../payments/index.ts'
import type { Reader } from '../platform/db.ts'
import { Refusal, type Fault } from '../platform/errors.ts'
import type { Language } from '../platform/http/language.ts'
import { MAX_AMOUNT, toJson, type Currency } from '../platform/money.ts'
import type { CreateDeps, Maker, Upload, Warning } from './deps.ts'
import { checkIds, type Lookup } from './file/duplicates.ts'
import { describe } from './file/explain.ts'
import { faultAt } from './file/faults.ts'
import { rowsRefusal, type Columns } from './file/read-rows.ts'
import type { Row } from './file/row.ts'
import { checkSameList, sameListRefusal } from './same-list.ts'

const MAX_LISTED = 100

export type CheckedFile = {
  readonly valid: boolean
  readonly total: number
  readonly total_amount: number
  readonly currency: Currency
  readonly fees: number
  readonly errors: readonly Fault[]
  readonly error_count: number
  readonly warnings: readonly Warning[]
  readonly available: number
}

/**
 * Says what a file would become and what would be refused, with every fault that is found; creates nothing. Amounts
 * in minor units. A file that cannot be read at all, or an unknown account, is refused as it would be for real.
 */
export async function checkFile(deps: CreateDeps, maker: Maker, upload: Upload): Promise<CheckedFile> {
  const { language, connection } = deps
  const account = await payerOf(deps.db, maker, upload.payer_account)
  const { summary, first, repeated, used } = await checkIds(upload.path, deps.limits, {
    language,
    lookup: lookupOf(deps, account),
  })
  const currency = currencyFault(first, summary.columns, account, language)
  const same = await checkSameList(deps.db, deps, account.id, summary.list_hash)

  const fees = connection.fee_cap * BigInt(summary.total)
  const needed = summary.total_amount + fees
  const about: Fault[] = []
  if (needed > account.available) about.push(shortBy(account, needed, language))
  if (same?.too_soon === true && !upload.allow_duplicate) {
    const { code, message, more } = sameListRefusal(same)
    about.push({ code, detail: more.detail?.[language] ?? message, pointer: '' })
  }
  const inRows = currency === undefined ? [] : [currency]
  const error_count = summary.error_count + repeated.count + used.count + inRows.length + about.length
  return {
    valid: error_count === 0,
    total: summary.total,
    total_amount: shown(summary.total_amount),
    currency: summary.currency ?? account.currency,
    fees: shown(fees),
    errors: [...firstFaults(inRows, summary.errors, repeated.errors, used.errors), ...about],
    error_count,
    warnings: [...summary.warnings, ...(same === undefined ? [] : [same.warning])],
    available: toJson(account.available),
  }
}

/**
 * Reads a file again that the database, or its first fault, refused, and says everything that is wrong with it: what
 * is wrong in the file itself (400), else, where an id is `taken`, which are (409), as the same list where it is that.
 */
export async function diagnose(
  deps: CreateDeps,
  maker: Maker,
  upload: Upload,
  taken: boolean,
): Promise<Refusal | undefined> {
  const { db, limits, language } = deps
  const account = await payerOf(db, maker, upload.payer_account)
  const { summary, repeated, used } = await checkIds(upload.path, limits, {
    language,
    lookup: taken ? lookupOf(deps, account) : undefined,
  })
  const fault = rowsRefusal({
    error_count: summary.error_count + repeated.count,
    errors: firstFaults(summary.errors, repeated.errors),
  })
  if (fault !== undefined || used.count === 0) return fault
  const more = { errors: used.errors, members: { error_count: used.count } }
  const same = await checkSameList(db, deps, account.id, summary.list_hash)
  if (same?.too_soon === true && !upload.allow_duplicate) return sameListRefusal(same, more)
  return new Refusal('FILE_DUPLICATES', {
    ...more,
    detail: {
      en: 'An id may be used again only when its transfer has failed or was cancelled. Nothing was reserved.',
      fr: 'Un identifiant ne peut resservir que si son transfert a échoué ou a été annulé. Rien n’a été réservé.',
    },
  })
}

/** What concerns the file as a whole stands at no row. */
const shortBy = ({ currency, available }: PayerAccount, needed: bigint, language: Language): Fault => ({
  code: 'INSUFFICIENT_FUNDS',
  detail: {
    en: `${needed} ${currency} are needed, ${available} are available.`,
    fr: `Il faut ${needed} ${currency} ; ${available} sont disponibles.`,
  }[language],
  pointer: '',
})

/** A sum that JSON cannot carry is at fault already (TOTAL_TOO_LARGE): it is shown as the largest that it can. */
const shown = (amount: bigint): number => toJson(amount > MAX_AMOUNT ? MAX_AMOUNT : amount)

/** The named account, or the organisation's only one. */
export async function payerOf(
  db: Reader,
  maker: Maker,
  account_id: string | undefined,
): Promise<PayerAccount> {
  if (account_id !== undefined) return findAccount(db, maker.organization_id, account_id)
  const [only, second] = await listAccounts(db, maker.organization_id, { after: 0n, limit: 2 })
  if (only === undefined) throw new Refusal('PAYER_ACCOUNT_NOT_FOUND')
  if (second !== undefined) throw new Refusal('PAYER_ACCOUNT_REQUIRED')
  return only
}

/** A file has one currency (the reader sees to it), so its first row tells whether it is the account's. */
export function currencyFault(
  row: Row | undefined,
  { currency: column }: Columns,
  account: PayerAccount,
  language: Language,
): Fault | undefined {
  if (row === undefined || row.currency === account.currency) return undefined
  const place = { line: row.line, ...(column === undefined ? {} : { column }) }
  const sentence = describe(
    { ...place, cell: row.currency },
    {
      en: `the account ${account.account_id} is in ${account.currency}.`,
      fr: `le compte ${account.account_id} est en ${account.currency}.`,
    },
  )
  return faultAt(place, 'CURRENCY_NOT_OF_ACCOUNT', sentence[language])
}

/** Which ids this payer's open or paid lines already use. */
const lookupOf =
  ({ db }: CreateDeps, account: PayerAccount): Lookup =>
  (ids) =>
    findUsedTransferIds(db, account, ids)

/** Up to a hundred of the faults, in the order of the file. */
const firstFaults = (...lists: readonly (readonly Fault[])[]): Fault[] =>
  lists
    .flat()
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .slice(0, MAX_LISTED)
