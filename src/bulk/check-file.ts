import type { PayerAccount } from '../payments/index.ts'
import type { Fault } from '../platform/errors.ts'
import type { Language } from '../platform/http/language.ts'
import { MAX_AMOUNT, toJson, type Currency } from '../platform/money.ts'
import { currencyFault, firstFaults, payerOf, repeatedIds, usedIds } from './diagnose.ts'
import { readRows } from './file/read-rows.ts'
import { checkSameList, sameListRefusal } from './same-list.ts'
import type { CreateDeps, Maker, Upload, Warning } from './upload.ts'

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
  const reader = readRows(upload.path, deps.limits, { language, past_faults: true })
  let currency: Fault | undefined
  for await (const [first] of reader) currency ??= currencyFault(reader, first, account, language)
  const summary = reader.summary()
  const repeated = await repeatedIds(deps, upload.path)
  const used = await usedIds(deps, account, upload.path)
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
