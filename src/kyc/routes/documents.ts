import { z } from 'zod'
import { may } from '../../identity/index.ts'
import { cleanDocument, type CleanDocument, type DocumentFault } from '../../platform/documents/clean.ts'
import { Refusal, unreachable } from '../../platform/errors.ts'
import { defineRoute, type HandlerInput, type Route } from '../../platform/http/route.ts'
import type { SealedSpool } from '../../platform/sealed-spool.ts'
import { documentTypes, idTypes } from '../document.ts'
import type { Kyc } from '../kyc.ts'
import { readStatus } from '../read-status.ts'
import type { DocumentRow } from '../sql/documents.ts'
import { assertMaySend, readDocument, storeDocument } from '../store-document.ts'
import { documentSchema, documentView, statusSchema, statusView } from '../view.ts'
import { mayReadAll, signedIn } from './access.ts'
import { readForm } from './form.ts'

const common = { tags: ['identity check'] } as const

const uploadRoute = (kyc: Kyc): Route =>
  defineRoute({
    ...common,
    access: may('kyc.documents.write'),
    method: 'POST',
    path: '/api/auth/kyc/upload',
    operation_id: 'uploadKycDocument',
    summary:
      'Send a document that proves who you are; when all are there and you have consented, the check begins',
    body: 'stream',
    form: {
      required: ['document_type', 'file'],
      properties: {
        document_type: { type: 'string', enum: [...documentTypes] },
        file: { type: 'string', format: 'binary', description: 'JPEG, PNG or PDF, at most 10 MB' },
        id_type: {
          type: 'string',
          enum: [...idTypes],
          description: 'of ID_FRONT; NATIONAL_ID unless said otherwise',
        },
        country: { type: 'string', description: 'of ID_FRONT; two letters; yours unless said otherwise' },
      },
    },
    response: { 201: documentSchema },
    refusals: [
      'DOCUMENT_MISSING',
      'DOCUMENT_TOO_LARGE',
      'DOCUMENT_TYPE_UNSUPPORTED',
      'DOCUMENT_UNREADABLE',
      'DOCUMENT_UNSAFE',
      'KYC_IN_PROGRESS',
      'KYC_VERIFIED_ALREADY',
    ],
    handle: async (input) => {
      const row = await receive(kyc, input)
      return {
        status: 201,
        body: documentView(row, input.language),
        headers: { location: `/api/auth/kyc/documents/${row.id}/content` },
      }
    },
  })

async function receive(
  kyc: Kyc,
  { ctx, actor, request, language }: HandlerInput<undefined, undefined, unknown>,
): Promise<DocumentRow> {
  const { person_id } = signedIn(actor)
  let spooled: SealedSpool | undefined
  try {
    const form = await readForm(request, {
      folder: kyc.spool_folder,
      max_bytes: kyc.rules.document_max_bytes,
      language,
      keep: (file) => (spooled = file),
    })
    const { document_type, id_type, country, file_name } = form
    await ctx.db.tx((tx) => assertMaySend(tx, kyc, { person_id, document_type }))
    const clean = await kyc.decoding(async () => harmless(await cleanDocument(await form.spooled.read())))
    const sent_bytes = form.spooled.bytes
    return await storeDocument(ctx.db, kyc, {
      person_id,
      document_type,
      id_type,
      country,
      file_name,
      sent_bytes,
      clean,
    })
  } finally {
    await spooled?.remove()
  }
}

function harmless(cleaned: CleanDocument | DocumentFault): CleanDocument {
  if (typeof cleaned !== 'string') return cleaned
  switch (cleaned) {
    case 'TYPE':
      throw new Refusal('DOCUMENT_TYPE_UNSUPPORTED')
    case 'BROKEN':
      throw new Refusal('DOCUMENT_UNREADABLE')
    case 'PIXELS':
      throw new Refusal('DOCUMENT_UNREADABLE', {
        detail: { en: 'At most 40 million points.', fr: '40 millions de points au plus.' },
      })
    case 'LOCKED':
      throw new Refusal('DOCUMENT_UNREADABLE', {
        detail: { en: 'The PDF needs a password.', fr: 'Le PDF demande un mot de passe.' },
      })
    case 'ANIMATED':
      throw new Refusal('DOCUMENT_UNSAFE', {
        detail: { en: 'Send one picture, not an animation.', fr: 'Envoyez une image, pas une animation.' },
      })
    case 'FOREIGN':
      throw new Refusal('DOCUMENT_UNSAFE')
    default:
      return unreachable(cleaned)
  }
}

const readRoutes = (kyc: Kyc): readonly Route[] => [
  defineRoute({
    ...common,
    access: may('kyc.documents.read'),
    method: 'GET',
    path: '/api/auth/kyc/documents',
    operation_id: 'listKycDocuments',
    summary: 'The documents that you sent, as they stand',
    response: { 200: z.object({ documents: z.array(documentSchema) }) },
    refusals: ['PERSON_NOT_FOUND'],
    handle: async ({ ctx, actor, language }) => {
      const { documents } = await readStatus(ctx.db, kyc, signedIn(actor).person_id)
      return { status: 200, body: { documents: documents.map((one) => documentView(one, language)) } }
    },
  }),
  defineRoute({
    ...common,
    access: may('kyc.status.read'),
    method: 'GET',
    path: '/api/auth/kyc/status',
    operation_id: 'getKycStatus',
    summary: 'Where the proof of your identity stands, and what it still needs',
    response: { 200: statusSchema },
    refusals: ['PERSON_NOT_FOUND'],
    handle: async ({ ctx, actor, language }) => ({
      status: 200,
      body: statusView(await readStatus(ctx.db, kyc, signedIn(actor).person_id), language),
    }),
  }),
  defineRoute({
    ...common,
    access: may('kyc.documents.read'),
    method: 'GET',
    path: '/api/auth/kyc/documents/:id/content',
    operation_id: 'getKycDocumentContent',
    summary: 'The bytes of a document, for its owner and for administrators; each reading is recorded',
    params: z.object({ id: z.string().regex(/^doc-[0-9a-z]{26}$/) }),
    query: z.object({
      why: z.string().trim().min(1).max(200).optional().describe('an administrator’s reason, for the trail'),
    }),
    response: {
      200: { description: 'always a download', content: { 'image/jpeg': 'file', 'application/pdf': 'file' } },
    },
    refusals: ['DOCUMENT_NOT_FOUND'],
    handle: async ({ ctx, actor, params, query }) => {
      const asked = { id: params.id, by: signedIn(actor).person_id, any: mayReadAll(actor), why: query.why }
      const opened = await readDocument(ctx.db, kyc, asked)
      if (opened === undefined) throw new Refusal('DOCUMENT_NOT_FOUND')
      return { status: 200, body: opened.bytes, headers: downloadHeaders(opened.row) }
    },
  }),
]

/** Never shown inside a page of ours, never kept by a browser or a proxy. The name is made of what we know, not of what was sent. */
function downloadHeaders({ id, document_type, media_type }: DocumentRow): Readonly<Record<string, string>> {
  const end = media_type === 'image/jpeg' ? 'jpg' : 'pdf'
  return {
    'content-type': media_type,
    'content-disposition': `attachment; filename="${document_type}-${id}.${end}"`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; sandbox",
  }
}

/** Documents of the person who is signed in. */
export const documentRoutes = (kyc: Kyc): readonly Route[] => [uploadRoute(kyc), ...readRoutes(kyc)]
