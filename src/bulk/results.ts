import { csvCell } from '../platform/csv.ts'
import type { Db } from '../platform/db.ts'
import type { BulkLine, LineState } from './batch.ts'
import * as q from './sql.ts'

const columns = [
  'transferId',
  'amount',
  'fee',
  'currency',
  'partyIdType',
  'partyIdentifier',
  'name',
  'status',
  'errorCode',
  'errorMessage',
  'completedAt',
  'fulfilment',
] as const

const PAGE = 2_000

/** Every line with its outcome, in the file's order, page by page: a million lines need the memory of one page. */
export async function* resultsCsv(db: Db, batch: bigint, status: LineState | null): AsyncGenerator<string> {
  yield `${columns.join(',')}\r\n`
  for (let after = 0; ;) {
    const lines = await q.selectLines(db, batch, { after, limit: PAGE, status })
    yield lines.map(csvLine).join('')
    if (lines.length < PAGE) return
    after = lines.at(-1)?.seq ?? after
  }
}

const csvLine = (line: BulkLine): string =>
  [
    line.transfer_id,
    line.amount,
    line.fee,
    line.currency,
    line.party_type,
    line.party_identifier,
    line.payee_name,
    line.status,
    line.error_code,
    line.error_message,
    line.completed_at?.toISOString(),
    line.fulfilment,
  ]
    .map(csvCell)
    .join(',') + '\r\n'
