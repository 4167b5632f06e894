import type { DeskRefusal } from '../../connectors/index.ts'
import type { Db, Tx } from '../../platform/db.ts'
import type { IncomingRow } from './incoming.ts'
import * as q from './sql.ts'
import { credit, note } from './take.ts'

type LastWord = 'COMMITTED' | 'ABORTED'

/** What a last word did: `contradicted` is the first time that the hub says the opposite of what we hold. */
export type Concluded = 'done' | 'contradicted' | DeskRefusal

/**
 * The hub's last word: COMMITTED credits what was reserved, ABORTED lets it go; again it does nothing. The opposite of
 * what is already final moves no money by itself: it is noted for people (a payee who was credited keeps the money
 * until they decide) and refused. Refuses TRANSFER_NOT_FOUND.
 */
export function concludeIncoming(db: Db, transfer_id: string, word: LastWord): Promise<Concluded> {
  return db.tx(
    async (tx) => {
      const row = await q.lockIncoming(tx, transfer_id)
      if (row === undefined) return { refused: 'TRANSFER_NOT_FOUND' }
      if (row.state === word) return 'done'
      return row.state === 'RESERVED' ? finish(tx, row, word) : contradict(tx, row, word)
    },
    {
      reread: async (reader) =>
        (await q.selectIncoming(reader, transfer_id))?.state === word ? 'done' : undefined,
    },
  )
}

async function finish(tx: Tx, row: IncomingRow, word: LastWord): Promise<Concluded> {
  await q.concludeIncoming(tx, row.transfer_id, word)
  const account = row.account_id === null ? undefined : await q.selectPayeeAccount(tx, row.account_id)
  if (account === undefined) throw new Error(`${row.transfer_id} is reserved for nobody`)
  if (word === 'COMMITTED') await credit(tx, row, account)
  else await note(tx, row, 'aborted', account)
  return 'done'
}

async function contradict(tx: Tx, row: IncomingRow, word: LastWord): Promise<Concluded> {
  const first = (await q.contradictIncoming(tx, row.transfer_id)) === 1
  const account = row.account_id === null ? undefined : await q.selectPayeeAccount(tx, row.account_id)
  if (first) await note(tx, row, 'contradicted', account, `${row.state}, and the hub says ${word}`)
  return first ? 'contradicted' : { refused: 'MODIFIED_REQUEST' }
}
