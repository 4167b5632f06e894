import { lockKycFacts, personName } from '../identity/index.ts'
import { record } from '../audit/index.ts'
import { sql, type Db } from '../platform/db.ts'
import { keptUntil } from './erase.ts'
import type { Kyc } from './kyc.ts'
import * as q from './sql/privacy.ts'
import { fileNameOf } from './store-document.ts'

export type Kept = { readonly erased: number; readonly removed: number; readonly orphans: number }

/** What time does to documents: those that nobody may keep any longer go, and so do files that no row names. */
export async function keepDocuments(db: Db, kyc: Pick<Kyc, 'files' | 'rules'>): Promise<Kept> {
  const erased = await eraseOld(db, kyc.rules)
  const removed = await removeErasedFiles(db, kyc)
  const orphans = await sweepOrphans(db, kyc)
  return { erased, removed, orphans }
}

const AT_ONCE = 200

/** Documents that were never accepted after a year, those of the verified after ten; never under a legal hold, nor while they are looked at. */
async function eraseOld(db: Db, rules: Kyc['rules']): Promise<number> {
  let erased = 0
  let after = 0n
  for (;;) {
    const people = await q.listWithOld(db, { after, days: rules.unverified_kept_days, limit: AT_ONCE })
    for (const { person_id } of people) {
      erased += await eraseOldOf(db, rules, person_id)
      after = person_id
    }
    if (people.length < AT_ONCE) return erased
  }
}

const eraseOldOf = (db: Db, rules: Kyc['rules'], person_id: bigint): Promise<number> =>
  db.tx(async (tx) => {
    const person = await lockKycFacts(tx, person_id)
    if (person === undefined || (await q.findHold(tx, person_id)) !== undefined) return 0
    if (person.kyc_status === 'SUBMITTED' || person.kyc_status === 'UNDER_REVIEW') return 0
    const now = await tx.now()
    const until = await keptUntil(tx, rules, person)
    if (until !== undefined && until > now) return 0
    const before = new Date(now.getTime() - rules.unverified_kept_days * 86_400_000)
    const ids = await q.eraseDocuments(tx, person_id, before)
    if (ids.length === 0) return 0
    const detail = { documents: ids.length }
    await record(tx, { actor: 'kyc', action: 'kyc.documents.erased', subject: personName(person_id), detail })
    return ids.length
  })

/** The row first, then the file: what a crash left between the two is finished here. */
export async function removeErasedFiles(db: Db, { files }: Pick<Kyc, 'files'>): Promise<number> {
  let removed = 0
  for (;;) {
    const rows = await q.listUnremoved(db, AT_ONCE)
    for (const { id } of rows) {
      await files.remove(fileNameOf(id))
      removed += await q.markRemoved(db, id)
    }
    if (rows.length < AT_ONCE) return removed
  }
}

/** Longer than any upload takes from its file to its row. */
const ORPHAN_AFTER_MS = 86_400_000

/** Files without a row: their uploads died in between. */
export async function sweepOrphans(
  db: Db,
  { files }: Pick<Kyc, 'files'>,
  older_than_ms = ORPHAN_AFTER_MS,
): Promise<number> {
  const { now } = await db.one<{ now: Date }>(sql`select clock_timestamp() as now`)
  let swept = 0
  let names: string[] = []
  const sweep = async (): Promise<void> => {
    const kept = new Set(
      (
        await q.listKept(
          db,
          names.map((name) => name.slice('kyc/'.length)),
        )
      ).map(({ id }) => id),
    )
    for (const name of names) {
      if (kept.has(name.slice('kyc/'.length))) continue
      await files.remove(name)
      swept++
    }
    names = []
  }
  for await (const { name, written_at } of files.list('kyc/')) {
    if (now.getTime() - written_at.getTime() < older_than_ms) continue
    names.push(name)
    if (names.length >= AT_ONCE) await sweep()
  }
  await sweep()
  return swept
}
