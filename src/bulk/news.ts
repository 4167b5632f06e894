import { record } from '../audit/index.ts'
import type { News } from '../payments/index.ts'
import type { Tx } from '../platform/db.ts'
import type { Bulk } from './batch.ts'
import { statusView } from './view.ts'
import * as q from './sql.ts'

/** Adds to the outbox, for the customer's callback; the kind and its delivery are the app's to wire. */
export type Announce = (
  tx: Tx,
  bulk_id: string,
  fact: { readonly url: string; readonly organization_id: bigint; readonly result: object },
) => Promise<void>

/** Adds to the outbox, for who made it. */
export type Tell = (tx: Tx, bulk: Pick<Bulk, 'bulk_id' | 'organization_id' | 'created_by'>) => Promise<void>

/**
 * What happens when lines of a batch are settled, in that transaction. The state itself is computed from the
 * counters, so only the end needs writing down: in the trail, and, where the customer wants it, in the outbox.
 */
export const onSettled =
  ({ announce, tell }: { readonly announce: Announce; readonly tell: Tell }) =>
  async (tx: Tx, news: readonly News[]): Promise<void> => {
    for (const { batch_id, finished } of news) {
      if (!finished) continue
      const bulk = await q.findBulkById(tx, batch_id)
      if (bulk === undefined) continue // a single payout: its own purpose tells
      const { organization_id, state, completed, failed, cancelled } = bulk
      await record(tx, {
        actor: 'engine',
        action: 'bulk.finished',
        subject: bulk.bulk_id,
        organization_id,
        detail: { state, completed, failed, cancelled, callback: bulk.callback_wanted },
      })
      if (bulk.callback_wanted && bulk.callback_url !== null)
        await announce(tx, bulk.bulk_id, {
          url: bulk.callback_url,
          organization_id,
          result: statusView(bulk),
        })
      await tell(tx, bulk)
    }
  }
