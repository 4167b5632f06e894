import { Option, type Command } from 'commander'
import { readProgress } from '../bulk/index.ts'
import {
  confirmFeeQuestion,
  listFeeQuestions,
  proposeFeeQuestion,
  type FeeQuestion,
} from '../payments/index.ts'
import { toJson } from '../platform/money.ts'
import { withDatabase } from './database.ts'
import { branch, leaf, type Common } from './group.ts'
import { lineOf, ofLine, readPerson } from './line.ts'
import { columns, print } from './print.ts'
import { inWords, money } from './words.ts'

/** Fees that a rail took above what was held, with no way to refuse them: two people say who bears each. */
export function fees(payments: Command): void {
  const group = branch(payments, 'fees', 'fees above what was held; two people say who bears them')
  leaf(group, 'list', 'what is open, oldest first').action(list)
  ofLine(leaf(group, 'close', 'propose who bears the fee of a line'))
    .addOption(
      new Option('--borne-by <who>', 'payer: it is taken from the payer’s account; house: it stays ours')
        .choices(['payer', 'house'])
        .makeOptionMandatory(),
    )
    .requiredOption('--by <name>', 'who says so', readPerson)
    .action(close)
  ofLine(leaf(group, 'confirm', 'another person confirms'))
    .requiredOption('--by <name>', 'who confirms; not the one who proposed', readPerson)
    .action(confirm)
}

const MOST = 10_000

async function list(options: Common): Promise<void> {
  const open = await withDatabase(async (db) => {
    const rows = await listFeeQuestions(db, MOST)
    return Promise.all(
      rows.map(async (row) =>
        viewOf(row, (await readProgress(db, String(row.batch_id)))?.progress.bulkTransferId ?? ''),
      ),
    )
  })
  print(options, { fees: open }, () => tableOf(open))
}

type FeeView = {
  readonly bulk_transfer_id: string
  readonly transfer_id: string
  readonly amount: number
  readonly currency: string
  readonly asked_at: string
  readonly proposed: { readonly borne_by: string; readonly by: string | null } | null
}

const viewOf = (row: FeeQuestion, bulk_transfer_id: string): FeeView => ({
  bulk_transfer_id,
  transfer_id: row.transfer_id,
  amount: toJson(row.amount),
  currency: row.currency,
  asked_at: row.asked_at.toISOString(),
  proposed: row.borne_by === null ? null : { borne_by: row.borne_by, by: row.proposed_by },
})

function tableOf(open: readonly FeeView[]): string {
  if (open.length === 0) return inWords({ en: 'No fee is open.', fr: 'Aucuns frais en suspens.' })
  const amount = inWords({ en: 'amount', fr: 'montant' })
  const headings = [inWords({ en: 'line', fr: 'ligne' }), amount, inWords({ en: 'proposed', fr: 'proposé' })]
  const rows = open.map((one) => [
    `${one.bulk_transfer_id}/${one.transfer_id}`,
    money(one.amount, one.currency),
    one.proposed === null ? '—' : `${one.proposed.borne_by} (${one.proposed.by ?? ''})`,
  ])
  return columns(headings, rows, [amount])
}

type CloseOptions = Common & { readonly borneBy: 'payer' | 'house'; readonly by: string }

async function close(bulk: string, transfer: string | undefined, options: CloseOptions): Promise<void> {
  const borne_by = options.borneBy === 'payer' ? 'PAYER' : 'HOUSE'
  const line = await withDatabase(async (db) => {
    const found = await lineOf(db, bulk, transfer)
    await db.tx((tx) => proposeFeeQuestion(tx, found, borne_by, options.by))
    return found
  })
  print(options, { line: line.name, borne_by, proposed_by: options.by, confirmed_by: null }, () =>
    inWords({
      en: `${line.name}: ${borne_by} proposed by ${options.by}; another person must confirm.`,
      fr: `${line.name} : ${borne_by} proposé par ${options.by} ; une autre personne doit confirmer.`,
    }),
  )
}

async function confirm(
  bulk: string,
  transfer: string | undefined,
  options: Common & { readonly by: string },
): Promise<void> {
  const { line, borne_by } = await withDatabase(async (db) => {
    const found = await lineOf(db, bulk, transfer)
    return { line: found, borne_by: await db.tx((tx) => confirmFeeQuestion(tx, found, options.by)) }
  })
  print(options, { line: line.name, borne_by, confirmed_by: options.by }, () =>
    inWords({
      en: `${line.name}: borne by ${borne_by}, confirmed by ${options.by}.`,
      fr: `${line.name} : à la charge de ${borne_by}, confirmé par ${options.by}.`,
    }),
  )
}
