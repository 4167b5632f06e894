import { z } from 'zod'
import { lockKycFacts, may } from '../../identity/index.ts'
import { Refusal } from '../../platform/errors.ts'
import { defineRoute, type Route } from '../../platform/http/route.ts'
import { consentHash, currentConsent, findCurrentConsent, grantConsent } from '../consent.ts'
import type { Kyc } from '../kyc.ts'
import { submitIfComplete } from '../submit.ts'
import { signedIn } from './access.ts'

const common = {
  tags: ['identity check'],
  access: may('kyc.consent'),
  path: '/api/auth/kyc/consent',
} as const
const language_schema = z.enum(['fr', 'en'])

const consentSchema = z
  .object({
    version: z.string(),
    language: language_schema,
    text: z.string(),
    sha256: z.string().describe('of the text, hexadecimal'),
    granted_at: z.iso.datetime().nullable().describe('when you agreed to this version'),
  })
  .meta({ id: 'KycConsent' })

/** What people agree to before anything is passed to the provider. */
export const consentRoutes = (kyc: Kyc): readonly Route[] => [
  defineRoute({
    ...common,
    method: 'GET',
    operation_id: 'getKycConsent',
    summary: 'The text that you agree to before your documents are checked',
    query: z.object({
      language: language_schema.optional().describe('that of the request unless said otherwise'),
    }),
    response: { 200: consentSchema },
    refusals: [],
    handle: async ({ ctx, actor, query, language }) => {
      const { person_id } = signedIn(actor)
      const text = currentConsent(query.language ?? language)
      const granted = await ctx.db.tx((tx) => findCurrentConsent(tx, person_id))
      const granted_at = granted?.granted_at.toISOString() ?? null
      return { status: 200, body: { ...text, sha256: consentHash(text).toString('hex'), granted_at } }
    },
  }),
  defineRoute({
    ...common,
    method: 'POST',
    operation_id: 'grantKycConsent',
    summary: 'Agree to the text; when all documents are there, the check begins',
    body: z.strictObject({ version: z.string().min(1).max(40), language: language_schema }),
    response: { 201: consentSchema },
    refusals: ['KYC_CONSENT_OUTDATED'],
    handle: async ({ ctx, actor, body }) => {
      const { person_id } = signedIn(actor)
      const row = await ctx.db.tx(async (tx) => {
        const person = await lockKycFacts(tx, person_id)
        if (person === undefined) throw new Refusal('AUTHENTICATION_REQUIRED')
        const granted = await grantConsent(tx, person_id, body)
        await submitIfComplete(tx, kyc, person)
        return granted
      })
      const text = currentConsent(row.language)
      const sha256 = row.text_sha256.toString('hex')
      return { status: 201, body: { ...text, sha256, granted_at: row.granted_at.toISOString() } }
    },
  }),
]
