import { inject } from 'vitest'
import { openDb, type Db } from '../../src/platform/db.ts'
import { cloneTemplate } from './clones.ts'
import { atEnd } from './ends.ts'

export type FreshDatabase = {
  /** As the owner; the application itself is given this one and takes its role by itself. */
  readonly url: string
  /** As the application: role `cauri_app` when the migrations made it. */
  readonly db: Db
  /** The same as `url`, named for tests that mean the owner's rights. */
  readonly ownerUrl: string
  /** Ends `db` and drops the database; done at the end of the test file anyway. */
  readonly drop: () => Promise<void>
}

/** A database of this test file's own, cloned from the migrated template (about 30 ms). */
export async function freshDatabase(): Promise<FreshDatabase> {
  const clone = await cloneTemplate(inject('server'))
  const { url } = clone
  const db = openDb({ url, name: 'cauri test', ...clone.role })
  let dropped: Promise<void> | undefined
  const drop = (): Promise<void> => (dropped ??= db.end().then(clone.drop))
  atEnd(drop)
  return { url, db, ownerUrl: url, drop }
}
