import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { openBar, textOf } from './bar.ts'
import { readEnvironment } from './environment.ts'
import { exits, type Exit } from './exits.ts'
import { follow, type Followed } from './follow.ts'
import type { Common } from './group.ts'
import { readAnswer, send, Unreachable } from './http.ts'
import { print, remark } from './print.ts'
import { Stop } from './stop.ts'
import { openForm } from './upload.ts'
import { counted, inWords, money } from './words.ts'

export type SubmitOptions = Common & {
  readonly payerAccount?: string
  readonly callbackUrl?: string
  readonly allowDuplicate?: true
  readonly validateOnly?: true
  readonly idempotencyKey?: string
  readonly url?: URL
  readonly wait: boolean
  readonly timeout?: number
}

const warnings = z.array(z.looseObject({ detail: z.string().optional() })).optional()
const created = z.object({ bulkTransferId: z.string(), state: z.string(), warnings })
const checked = z.looseObject({
  valid: z.boolean(),
  total: z.int(),
  total_amount: z.int(),
  currency: z.string(),
  available: z.int(),
  errors: z.array(
    z.looseObject({ detail: z.string(), line: z.int().optional(), column: z.string().optional() }),
  ),
  error_count: z.int(),
  warnings,
})
const status = z.object({
  bulkTransferId: z.string(),
  state: z.string(),
  total: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  pending: z.int(),
  uncertain: z.int(),
  paused: z.boolean(),
  pause_reason: z.string().optional(),
  progress_percent: z.number(),
  total_amount: z.int(),
  completed_amount: z.int(),
  fees: z.int(),
  currency: z.string(),
  payer_account: z.string(),
  created_at: z.string(),
  completed_at: z.string().nullable(),
})

/** Sends the file; unless told otherwise, follows the batch to its end. The exit code tells the outcome. */
export async function submit(file: string, options: SubmitOptions): Promise<void> {
  const base = options.url ?? new URL(`http://127.0.0.1:${readEnvironment()['PORT'] ?? '8000'}`)
  const answer = await upload(base, file, options)
  if (options.validateOnly) return tellChecked(checked.parse(answer), options)
  const batch = created.parse(answer)
  for (const warning of batch.warnings ?? []) remark(`! ${warning.detail ?? JSON.stringify(warning)}`)
  if (!options.wait) return print(options, batch, () => `${batch.bulkTransferId} ${batch.state}`)
  remark(batch.bulkTransferId)
  const ended = await wait(new URL(`/api/bulk-transfers/${batch.bulkTransferId}/stream`, base), options)
  await tellEnded(base, batch.bulkTransferId, ended, options)
}

/** From the last byte of the file to the answer: a million rows are read and checked meanwhile. */
const ANSWER_MS = 900_000

async function upload(base: URL, file: string, options: SubmitOptions): Promise<unknown> {
  const fields: (readonly [string, string])[] = []
  if (options.payerAccount !== undefined) fields.push(['payer_account', options.payerAccount])
  if (options.callbackUrl !== undefined) fields.push(['callback_url', options.callbackUrl])
  if (options.allowDuplicate) fields.push(['allow_duplicate', 'true'])
  if (options.validateOnly) fields.push(['validate_only', 'true'])
  const key = options.idempotencyKey ?? randomUUID()
  const form = await openForm(file, fields)
  const url = new URL('/api/bulk-transfers', base)
  try {
    const headers = { ...form.headers, accept: 'application/json', 'idempotency-key': key }
    const { body } = form
    return await readAnswer(await send({ method: 'POST', url, headers, body, silence_ms: ANSWER_MS }))
  } catch (error) {
    throw error instanceof Unreachable ? unreachable(error, base, key) : error
  } finally {
    await form.close()
  }
}

function unreachable(error: Unreachable, base: URL, key: string): Stop {
  if (!error.sent)
    return new Stop(exits.failed, {
      en: `Cauri does not answer at ${base.origin} (${error.message}): start it, or give --url`,
      fr: `Cauri ne répond pas à ${base.origin} (${error.message}) : démarrez-le, ou donnez --url`,
    })
  return new Stop(exits.failed, {
    en: `the connection broke before the answer (${error.message}): the file may have been accepted; repeat with --idempotency-key ${key} to find out without paying twice`,
    fr: `la connexion s’est rompue avant la réponse (${error.message}) : le fichier a pu être accepté ; recommencez avec --idempotency-key ${key} pour le savoir sans payer deux fois`,
  })
}

function tellChecked(report: z.output<typeof checked>, options: SubmitOptions): void {
  if (!report.valid) {
    const many = report.error_count
    const sentence = {
      en: `the file would be refused: ${counted(many, { en: 'fault', fr: 'erreur' })}`,
      fr: `le fichier serait refusé : ${counted(many, { en: 'fault', fr: 'erreur' })}`,
    }
    if (!options.json)
      throw new Stop(exits.refused, sentence, { errors: report.errors.map(faultOf), error_count: many })
    process.exitCode = exits.refused
  }
  const sum = money(report.total_amount, report.currency)
  const lines = counted(report.total, { en: 'line', fr: 'ligne' })
  print(options, report, () =>
    inWords({
      en: `The file is good: ${lines}, ${sum}. Nothing was created.`,
      fr: `Le fichier est bon : ${lines}, ${sum}. Rien n’a été créé.`,
    }),
  )
}

type CheckedFault = z.output<typeof checked>['errors'][number]
const faultOf = ({ detail, line, column }: CheckedFault) => ({
  detail,
  ...(line === undefined ? {} : { line }),
  ...(column === undefined ? {} : { column }),
})

/** Follows until the end, the time limit or Ctrl-C; the batch goes on in any case. */
async function wait(url: URL, options: SubmitOptions): Promise<Followed> {
  const enough = new AbortController()
  const stop = (): void => enough.abort()
  process.once('SIGINT', stop)
  const timer = options.timeout === undefined ? undefined : setTimeout(stop, options.timeout * 1_000)
  const bar = openBar()
  try {
    return await follow(url, bar.show, enough.signal)
  } finally {
    bar.end()
    clearTimeout(timer)
    process.off('SIGINT', stop)
  }
}

/** The batch's own state decides, read once more: it may have ended while we stopped waiting. */
async function tellEnded(base: URL, id: string, ended: Followed, options: SubmitOptions): Promise<void> {
  const url = new URL(`/api/bulk-transfers/${id}/status?limit=1`, base)
  if (ended === 'lost') throw lost(id, base)
  const answer = await send({ method: 'GET', url, silence_ms: 30_000 }).catch((error: unknown) => {
    throw error instanceof Unreachable ? lost(id, base) : error
  })
  const batch = status.parse(await readAnswer(answer)) // without the lines: the results file has them
  process.exitCode = exitOf(batch.state)
  print(options, batch, () => finalText(base, batch))
}

const lost = (id: string, base: URL): Stop =>
  new Stop(exits.not_final, {
    en: `Cauri no longer answers at ${base.origin}; ${id} was accepted and goes on by itself`,
    fr: `Cauri ne répond plus à ${base.origin} ; ${id} est accepté et continue de lui-même`,
  })

function exitOf(state: string): Exit {
  if (state === 'COMPLETED') return exits.ok
  return state === 'PENDING' || state === 'PROCESSING' ? exits.not_final : exits.not_completed
}

function finalText(base: URL, batch: z.output<typeof status>): string {
  const at = `${base.origin}/api/bulk-transfers/${batch.bulkTransferId}`
  const paid = money(batch.completed_amount, batch.currency)
  const sum = money(batch.total_amount, batch.currency)
  const lines = [
    `${batch.bulkTransferId} ${batch.state}`,
    textOf(batch),
    inWords({ en: `${paid} paid of ${sum}`, fr: `${paid} payés sur ${sum}` }),
  ]
  if (exitOf(batch.state) === exits.not_final)
    lines.push(inWords({ en: `It goes on: curl -N ${at}/stream`, fr: `Il continue : curl -N ${at}/stream` }))
  if (batch.failed > 0) lines.push(`curl "${at}/results.csv?status=FAILED"`)
  return lines.join('\n')
}
