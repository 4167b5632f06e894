import { InvalidArgumentError, type Command } from 'commander'
import { findBulk, findLine } from '../bulk/index.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { exits } from './exits.ts'
import { Stop } from './stop.ts'

/** A command about one line. */
export const ofLine = (command: Command): Command =>
  command
    .argument('<bulk>', 'bulk transfer, or BULK_ID/TRANSFER_ID')
    .argument('[transfer]', 'the customer’s transferId, when it is not in the first argument')

export function readPerson(text: string): string {
  const name = text.trim()
  if (name.length >= 1 && name.length <= 200) return name
  throw new InvalidArgumentError('1 to 200 characters are needed.')
}

export type Line = { readonly batch_id: bigint; readonly seq: number; readonly name: string }

/** `bulk-… tx-042` or `bulk-…/tx-042`. Refuses BULK_NOT_FOUND and TRANSFER_NOT_FOUND. */
export async function lineOf(db: Db, first: string, second: string | undefined): Promise<Line> {
  const slash = first.indexOf('/')
  const bulk_id = second === undefined && slash > 0 ? first.slice(0, slash) : first
  const transfer_id = second ?? (slash > 0 ? first.slice(slash + 1) : undefined)
  if (transfer_id === undefined)
    throw new Stop(exits.usage, {
      en: 'name the line: BULK_ID/TRANSFER_ID, or both as two arguments (see --help)',
      fr: 'nommez la ligne : BULK_ID/TRANSFER_ID, ou les deux l’un après l’autre (voir --help)',
    })
  const bulk = await findBulk(db, null, bulk_id)
  if (bulk === undefined) throw new Refusal('BULK_NOT_FOUND', { members: { id: bulk_id } })
  const line = await findLine(db, bulk.id, transfer_id)
  if (line === undefined) throw new Refusal('TRANSFER_NOT_FOUND', { members: { id: transfer_id } })
  return { batch_id: bulk.id, seq: line.seq, name: `${bulk_id}/${transfer_id}` }
}
