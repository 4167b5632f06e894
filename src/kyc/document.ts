/** What people send to prove who they are. */
export const documentTypes = ['ID_FRONT', 'ID_BACK', 'SELFIE', 'PROOF_OF_ADDRESS', 'SIGNATURE'] as const
export type DocumentType = (typeof documentTypes)[number]

/** The kinds of identity document, in the provider's words. */
export const idTypes = ['NATIONAL_ID', 'PASSPORT', 'RESIDENT_ID', 'DRIVERS_LICENSE'] as const
export type IdType = (typeof idTypes)[number]

/** What the check of an identity needs. A passport says everything on one page. */
const required: Readonly<Record<IdType, readonly DocumentType[]>> = {
  NATIONAL_ID: ['ID_FRONT', 'ID_BACK', 'SELFIE'],
  RESIDENT_ID: ['ID_FRONT', 'ID_BACK', 'SELFIE'],
  DRIVERS_LICENSE: ['ID_FRONT', 'ID_BACK', 'SELFIE'],
  PASSPORT: ['ID_FRONT', 'SELFIE'],
}

/** Countries that want more or less than the others; none so far. */
const inCountry: Readonly<Record<string, Partial<typeof required>>> = {}

export const requiredDocuments = (country: string, id_type: IdType): readonly DocumentType[] =>
  inCountry[country]?.[id_type] ?? required[id_type]

/** Those that a check looks at: while it does, they stay as they are. */
export const isChecked = (type: DocumentType): boolean =>
  type === 'ID_FRONT' || type === 'ID_BACK' || type === 'SELFIE'

/** What the provider would like and a person may ignore: a better photo avoids a second round. */
export const documentWarnings = {
  PHOTO_SMALL: {
    en: 'The photo has fewer than 1,500 points on its longer side (2,200 for a passport): the check may ask for a better one',
    fr: 'La photo a moins de 1 500 points sur son grand côté (2 200 pour un passeport) : une meilleure pourrait être demandée',
  },
  PHOTO_LIGHT: {
    en: 'The photo is smaller than 600 KB: take it from nearer, in good light',
    fr: 'La photo pèse moins de 600 Ko : prenez-la de plus près, à la lumière',
  },
  PDF_FOR_PEOPLE: {
    en: 'A PDF cannot be checked automatically: people will look at it, which takes longer',
    fr: 'Un PDF ne peut pas être vérifié automatiquement : des personnes l’examineront, ce qui prend plus de temps',
  },
} as const
export type DocumentWarning = keyof typeof documentWarnings

const CARD_SIDE = 1_500
const PASSPORT_SIDE = 2_200
const LIGHT_BYTES = 600_000

type Looked = {
  readonly document_type: DocumentType
  readonly id_type: IdType | null
  readonly type: 'image/jpeg' | 'application/pdf'
  /** Of the file as it was sent. */
  readonly sent_bytes: number
  readonly width: number | null
  readonly height: number | null
}

/** The provider's rules of size (Document Verification: 600 KB to 10 MB, 1,500 points for a card, 2,200 for a passport). */
export function warningsOf(document: Looked): readonly DocumentWarning[] {
  const { document_type, id_type, type, sent_bytes, width, height } = document
  if (!isChecked(document_type)) return []
  if (type === 'application/pdf') return ['PDF_FOR_PEOPLE']
  if (document_type === 'SELFIE') return []
  const side = id_type === 'PASSPORT' ? PASSPORT_SIDE : CARD_SIDE
  return [
    ...(Math.max(width ?? 0, height ?? 0) < side ? (['PHOTO_SMALL'] as const) : []),
    ...(sent_bytes < LIGHT_BYTES ? (['PHOTO_LIGHT'] as const) : []),
  ]
}

const NAME_LENGTH = 100

/**
 * What a file was called, to be shown: its last part, on one line, of letters and a few signs. Null when nothing is left. It never
 * names a file of ours.
 */
export function displayName(given: string | undefined): string | null {
  const last = (given ?? '').normalize('NFC').split(/[/\\]/).at(-1) ?? ''
  const clean = last
    .replaceAll(/[^\p{L}\p{N}\p{M} ._()-]/gu, '')
    .replaceAll(/\.{2,}/g, '.')
    .replace(/^[. ]+/, '')
    .slice(0, NAME_LENGTH)
    .toWellFormed()
    .trim()
  return clean === '' ? null : clean
}
