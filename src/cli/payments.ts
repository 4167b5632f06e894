import { readFile, stat, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Option } from 'commander'
import { readProgress } from '../bulk/index.ts'
import { confirmReview, evidenceOf, listReviews, proposeReview, type ReviewRow } from '../payments/index.ts'
import { toJson } from '../platform/money.ts'
import { withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { fees } from './fees.ts'
import { lineOf, ofLine, readPerson } from './line.ts'
import { columns, print } from './print.ts'
import { Stop } from './stop.ts'
import { inWords, money } from './words.ts'

export const payments: Group = (program) => {
  const group = branch(program, 'payments', 'outgoing payments')
  const review = branch(group, 'review', 'lines whose outcome only people can tell; two people close one')
  leaf(review, 'list', 'what waits for people, oldest first').action(list)
  ofLine(leaf(review, 'close', 'propose how a line ended, with a document that shows it'))
    .addOption(
      new Option('--as <outcome>', 'what happened to the payment')
        .choices(['paid', 'refused'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <file>', 'statement, letter, screenshot: kept with the line')
    .requiredOption('--by <name>', 'who says so', readPerson)
    .action(close)
  ofLine(leaf(review, 'confirm', 'another person confirms; the money moves'))
    .requiredOption('--by <name>', 'who confirms; not the one who proposed', readPerson)
    .action(confirm)
  ofLine(leaf(review, 'evidence', 'write out the document that was filed with the proposal'))
    .requiredOption('--out <file>', 'where to; an existing file is not overwritten')
    .action(evidence)
  fees(group)
}

const MOST = 10_000

async function list(options: Common): Promise<void> {
  const reviews = await withDatabase(async (db) => {
    const rows = await listReviews(db, null, null, MOST)
    const names = new Map<bigint, string>()
    for (const id of new Set(rows.map((row) => row.batch_id)))
      names.set(id, (await readProgress(db, String(id)))?.progress.bulkTransferId ?? '')
    return rows.map((row) => viewOf(row, names.get(row.batch_id) ?? ''))
  })
  print(options, { reviews }, () => tableOf(reviews))
}

type ReviewView = ReturnType<typeof viewOf>

const viewOf = (row: ReviewRow, bulk_id: string) => ({
  bulk_transfer_id: bulk_id,
  transfer_id: row.transfer_id,
  attempt: row.attempt,
  amount: toJson(row.amount),
  currency: row.currency,
  because: row.because,
  rail_reference: row.rail_reference,
  since: row.since.toISOString(),
  proposed:
    row.proposed_outcome === null
      ? null
      : { outcome: row.proposed_outcome, by: row.proposed_by, evidence: row.evidence_name },
})

function tableOf(reviews: readonly ReviewView[]): string {
  if (reviews.length === 0) return inWords({ en: 'Nothing to review.', fr: 'Rien à examiner.' })
  const amount = inWords({ en: 'amount', fr: 'montant' })
  const headings = [
    inWords({ en: 'line', fr: 'ligne' }),
    amount,
    inWords({ en: 'since', fr: 'depuis' }),
    inWords({ en: 'reference at the rail', fr: 'référence chez l’opérateur' }),
    inWords({ en: 'proposed', fr: 'proposé' }),
    inWords({ en: 'because', fr: 'motif' }),
  ]
  const rows = reviews.map((one) => [
    `${one.bulk_transfer_id}/${one.transfer_id}`,
    money(one.amount, one.currency),
    one.since.slice(0, 16).replace('T', ' '),
    one.rail_reference,
    one.proposed === null ? '—' : `${one.proposed.outcome} (${one.proposed.by})`,
    one.because ?? '',
  ])
  return columns(headings, rows, [amount])
}

type CloseOptions = Common & {
  readonly as: 'paid' | 'refused'
  readonly evidence: string
  readonly by: string
}

async function close(bulk: string, transfer: string | undefined, options: CloseOptions): Promise<void> {
  const { by } = options
  const outcome = options.as === 'paid' ? 'PAID' : 'REFUSED'
  const evidence = await readEvidence(options.evidence)
  const evidence_name = basename(options.evidence)
  const line = await withDatabase(async (db) => {
    const found = await lineOf(db, bulk, transfer)
    const { batch_id, seq } = found
    await db.tx((tx) => proposeReview(tx, { batch_id, seq, outcome, evidence_name, evidence, by }))
    return found
  })
  print(options, { line: line.name, outcome, proposed_by: by, confirmed_by: null }, () =>
    inWords({
      en: `${line.name}: ${outcome} proposed by ${by}. Nothing moves until another person confirms:\n  cauri payments review confirm ${line.name} --by …`,
      fr: `${line.name} : ${outcome} proposé par ${by}. Rien ne bouge avant qu’une autre personne confirme :\n  cauri payments review confirm ${line.name} --by …`,
    }),
  )
}

const MOST_EVIDENCE_BYTES = 10_485_760

async function readEvidence(path: string): Promise<Buffer> {
  const found = await stat(path).catch(() => undefined) // whatever the reason, the answer is the same
  if (found?.isFile() !== true || found.size === 0)
    throw new Stop(exits.usage, {
      en: `${path} is not a file with something in it`,
      fr: `${path} n’est pas un fichier avec un contenu`,
    })
  if (found.size > MOST_EVIDENCE_BYTES)
    throw new Stop(exits.usage, { en: `${path} is larger than 10 MB`, fr: `${path} dépasse 10 Mo` })
  return readFile(path)
}

async function confirm(
  bulk: string,
  transfer: string | undefined,
  options: Common & { readonly by: string },
): Promise<void> {
  const { by } = options
  const { purposeHandlers } = await import('../wiring.ts') // only here: it brings the whole server along
  const { line, outcome } = await withDatabase(async (db) => {
    const found = await lineOf(db, bulk, transfer)
    return { line: found, outcome: await db.tx((tx) => confirmReview(tx, found, by, purposeHandlers)) }
  })
  print(options, { line: line.name, outcome, confirmed_by: by }, () =>
    inWords({
      en: `${line.name}: ${outcome}, confirmed by ${by}.`,
      fr: `${line.name} : ${outcome}, confirmé par ${by}.`,
    }),
  )
}

async function evidence(
  bulk: string,
  transfer: string | undefined,
  options: Common & { readonly out: string },
): Promise<void> {
  const { line, filed } = await withDatabase(async (db) => {
    const found = await lineOf(db, bulk, transfer)
    return { line: found, filed: await evidenceOf(db, found) }
  })
  await writeFile(options.out, filed.file, { flag: 'wx' })
  const bytes = filed.file.length
  print(
    options,
    { line: line.name, evidence: filed.name, out: options.out, bytes },
    () => `${options.out} (${filed.name})`,
  )
}
