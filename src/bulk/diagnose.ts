import { findAccount, findUsedTransferIds, listAccounts, type PayerAccount } from '../payments/index.ts'
import type { Reader } from '../platform/db.ts'
import { Refusal, type Fault } from '../platform/errors.ts'
import type { Language } from '../platform/http/language.ts'
import { findDuplicates, findUsed, type TakenIds } from './file/duplicates.ts'
import { describe } from './file/explain.ts'
import { faultAt } from './file/faults.ts'
import { rowsRefusal, type RowReader } from './file/read-rows.ts'
import type { Row } from './file/row.ts'
import { checkSameList, sameListRefusal } from './same-list.ts'
import type { CreateDeps, Maker, Upload } from './upload.ts'

const MAX_LISTED = 100

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
  reader: RowReader,
  row: Row | undefined,
  account: PayerAccount,
  language: Language,
): Fault | undefined {
  if (row === undefined || row.currency === account.currency) return undefined
  const { currency: column } = reader.columns()
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

/** Ids that stand twice in the file: a fault of the file. */
export const repeatedIds = (deps: CreateDeps, path: string): Promise<TakenIds> =>
  findDuplicates(path, deps.limits, { language: deps.language })

/** Ids that this payer's open or paid lines already use. */
export const usedIds = (deps: CreateDeps, account: PayerAccount, path: string): Promise<TakenIds> =>
  findUsed(path, deps.limits, {
    language: deps.language,
    lookup: (ids) => findUsedTransferIds(deps.db, account, ids),
  })

/** Up to a hundred of the faults, in the order of the file. */
export const firstFaults = (...lists: readonly (readonly Fault[])[]): Fault[] =>
  lists
    .flat()
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
    .slice(0, MAX_LISTED)

/**
 * Reads a file again that the database, or its first fault, refused, and says everything that is wrong with it: what
 * is wrong in the file itself (400), else the ids that are used (409), as the same list where it is that.
 */
export async function diagnose(deps: CreateDeps, maker: Maker, upload: Upload): Promise<Refusal | undefined> {
  const repeated = await repeatedIds(deps, upload.path)
  const { error_count, errors, list_hash } = repeated.summary
  const fault = rowsRefusal({
    error_count: error_count + repeated.count,
    errors: firstFaults(errors, repeated.errors),
  })
  if (fault !== undefined) return fault
  const account = await payerOf(deps.db, maker, upload.payer_account)
  const used = await usedIds(deps, account, upload.path)
  if (used.count === 0) return undefined
  const more = { errors: used.errors, members: { error_count: used.count } }
  const same = await checkSameList(deps.db, deps, account.id, list_hash)
  if (same?.too_soon === true && !upload.allow_duplicate) return sameListRefusal(same, more)
  return new Refusal('FILE_DUPLICATES', {
    ...more,
    detail: {
      en: 'An id may be used again only when its transfer has failed or was cancelled. Nothing was reserved.',
      fr: 'Un identifiant ne peut resservir que si son transfert a échoué ou a été annulé. Rien n’a été réservé.',
    },
  })
}
