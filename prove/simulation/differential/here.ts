import type { PurposeHandler } from '../../../src/payments/engine/settle.ts'
import type { Tx } from '../../../src/platform/db.ts'
import type { Random } from '../random.ts'
import type { Site } from './site.ts'

export const tokenAt = async ({ store, db, connection }: Site): Promise<bigint> =>
  db.tx((tx) => store.currentToken(tx, connection))

/** Where a batch, a range or a due row stands among those that its site knows, if there are any. */
export const nth = <T>(items: readonly T[], n: number): T | undefined => items[n % Math.max(1, items.length)]

/** Batches by their place: their ids differ. */
export const placeOf = (site: Site, id: bigint): number => site.batches.indexOf(id)

export type Make = (random: Random) => (site: Site) => Promise<unknown>

export const inTx = <T>(site: Site, work: (tx: Tx) => Promise<T>): Promise<T> => site.db.tx(work)

/** A purpose that is told how its lines end, and does nothing with it. */
export const handlers: Readonly<Record<string, PurposeHandler>> = { BULK_LINE: () => Promise.resolve() }
