import { z } from 'zod'
import { kycStates, readKycFacts } from '../identity/index.ts'
import type { Db } from '../platform/db.ts'
import type { Language } from '../platform/http/language.ts'
import { readFound } from './found.ts'
import type { Kyc } from './kyc.ts'
import { listForReview, readCase } from './sql/cases.ts'
import { listChecks } from './sql/checks.ts'
import { listCurrent } from './sql/documents.ts'
import { documentSchema, documentView, reasonText } from './view.ts'

const text = z.string().nullable()

export const reviewFileSchema = z
  .object({
    user_id: z.int(),
    kyc_status: z.enum(kycStates),
    first_name: z.string(),
    last_name: z.string(),
    phone_number: z.string(),
    review_since: z.iso.datetime(),
    submitted_at: z.iso.datetime().nullable(),
    reason_code: text,
    reason: text,
    refused_by_provider: z.boolean(),
    awaiting_second_approval: z.boolean(),
    documents: z.array(documentSchema),
    found: z
      .object({
        full_name: text,
        id_type: text,
        id_number: text,
        date_of_birth: text,
        expires_on: text,
      })
      .nullable()
      .describe('what the provider read on the document'),
  })
  .meta({ id: 'KycReviewFile' })
type ReviewFile = z.output<typeof reviewFileSchema>

export type ReviewPage = { readonly files: ReviewFile[]; readonly next_cursor: string | null }

/** A page of the files that wait for people, all of it at one moment. The cursor is opaque to callers. */
export const listReviewFiles = (
  db: Db,
  asked: {
    readonly kyc: Pick<Kyc, 'ring'>
    readonly limit: number
    readonly cursor?: string | undefined
    readonly language: Language
  },
): Promise<ReviewPage> =>
  db.snapshot(async (reader) => {
    const rows = await listForReview(reader, { after: placeOf(asked.cursor), limit: asked.limit + 1 })
    const page = rows.slice(0, asked.limit)
    const files: ReviewFile[] = []
    for (const { person_id } of page) {
      const person = await readKycFacts(reader, person_id)
      const file = await readCase(reader, person_id)
      if (person === undefined || file.review_since === null) continue
      const checks = await listChecks(reader, person_id)
      files.push({
        user_id: Number(person_id),
        kyc_status: person.kyc_status,
        first_name: person.first_name,
        last_name: person.last_name,
        phone_number: person.phone_number,
        review_since: file.review_since.toISOString(),
        submitted_at: file.submitted_at?.toISOString() ?? null,
        reason_code: file.reason,
        reason: reasonText(file, asked.language),
        refused_by_provider: file.refused_by_provider,
        awaiting_second_approval: file.first_approval_by !== null,
        documents: (await listCurrent(reader, person_id)).map((one) => documentView(one, asked.language)),
        found: await readFound(reader, asked.kyc.ring, checks.findLast((one) => one.outcome !== null)?.id),
      })
    }
    const last = page.at(-1)
    const more = rows.length > page.length && last !== undefined
    return { files, next_cursor: more ? `${last.review_since.getTime()}-${last.person_id}` : null }
  }, 5_000)

function placeOf(cursor: string | undefined): { readonly since: Date; readonly id: bigint } | undefined {
  if (cursor === undefined) return undefined
  const [since = '0', id = '0'] = cursor.split('-')
  return { since: new Date(Number(since)), id: BigInt(id) }
}
