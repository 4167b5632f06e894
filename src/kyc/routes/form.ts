import type { MultipartFile, MultipartValue } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { Refusal } from '../../platform/errors.ts'
import type { Language } from '../../platform/http/language.ts'
import { nulInside } from '../../platform/http/validation.ts'
import { spoolSealed, type SealedSpool } from '../../platform/sealed-spool.ts'
import { displayName, documentTypes, idTypes, type DocumentType, type IdType } from '../document.ts'

/** The form of an upload, read whatever the order of its parts. */
export type Form = {
  readonly spooled: SealedSpool
  readonly document_type: DocumentType
  readonly id_type: IdType | undefined
  readonly country: string | undefined
  readonly file_name: string | null
}

export type FormRules = {
  readonly folder: string
  readonly max_bytes: number
  readonly language: Language
  /** Told of the file as soon as it lies in the folder: the caller removes it. */
  readonly keep: (spooled: SealedSpool) => void
}

const FIELDS = ['document_type', 'id_type', 'country'] as const
type Field = (typeof FIELDS)[number]
const isField = (name: string): name is Field => FIELDS.some((field) => field === name)
const MOST_FIELDS = 10
const FIELD_BYTES = 200

/**
 * Spools the file while it arrives and reads the fields. Refuses UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST (a form that is cut or has no
 * boundary), DOCUMENT_MISSING, DOCUMENT_TOO_LARGE, and VALIDATION_FAILED for fields that are unknown, repeated or not valid.
 */
export async function readForm(request: FastifyRequest, rules: FormRules): Promise<Form> {
  if (!request.isMultipart())
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', {
      detail: {
        en: 'Send the form as multipart/form-data',
        fr: 'Envoyez le formulaire en multipart/form-data',
      },
    })
  const fields = new Map<Field, string>()
  let file: { readonly spooled: SealedSpool; readonly name: string | null } | undefined
  const limits = { fields: MOST_FIELDS, files: 2, parts: MOST_FIELDS + 2, fieldSize: FIELD_BYTES }
  try {
    for await (const part of request.parts({ limits: { ...limits, fileSize: rules.max_bytes + 65_536 } })) {
      if (part.type === 'file') file = await takeFile(part, file !== undefined, rules)
      else takeField(part, fields, rules.language)
    }
  } catch (error) {
    // What the form's parser cannot read it reports as a plain Error: it is the caller's fault, not a bug.
    throw isBrokenForm(error) ? brokenForm() : error
  }
  if (file === undefined) throw new Refusal('DOCUMENT_MISSING')
  const { language } = rules
  const document_type = oneOf(documentTypes, fields.get('document_type'), 'document_type', language)
  if (document_type === undefined) throw fault('document_type', listed(documentTypes, language))
  return {
    spooled: file.spooled,
    document_type,
    id_type: oneOf(idTypes, fields.get('id_type'), 'id_type', language),
    country: countryOf(fields.get('country'), language),
    file_name: file.name,
  }
}

async function takeFile(
  part: MultipartFile,
  second: boolean,
  { folder, max_bytes, language, keep }: FormRules,
): Promise<{ spooled: SealedSpool; name: string | null }> {
  if (second || part.fieldname !== 'file') {
    part.file.resume()
    throw fault(part.fieldname, second ? repeated[language] : unknown[language])
  }
  const spooled = await spoolSealed(part.file, folder, { max_bytes })
  if (spooled === undefined) throw tooLarge(max_bytes)
  keep(spooled)
  // The parser gives no name where the part has none, whatever its type says.
  const given: string | undefined = part.filename
  return { spooled, name: displayName(given) }
}

function takeField(part: MultipartValue, fields: Map<Field, string>, language: Language): void {
  const { fieldname: name } = part
  if (name === 'file') throw new Refusal('DOCUMENT_MISSING')
  if (!isField(name)) throw fault(name, unknown[language])
  if (fields.has(name)) throw fault(name, repeated[language])
  const value = typeof part.value === 'string' ? part.value.trim() : ''
  if (value.includes('\0')) throw nulInside()
  if (part.valueTruncated === true) throw fault(name, unknown[language])
  fields.set(name, value)
}

function oneOf<const T extends string>(
  known: readonly T[],
  value: string | undefined,
  field: Field,
  language: Language,
): T | undefined {
  if (value === undefined || value === '') return undefined
  const found = known.find((one) => one === value)
  if (found === undefined) throw fault(field, listed(known, language))
  return found
}

function countryOf(value: string | undefined, language: Language): string | undefined {
  if (value === undefined || value === '') return undefined
  if (/^[A-Z]{2}$/.test(value)) return value
  throw fault('country', language === 'fr' ? 'deux lettres majuscules, comme CM' : 'two capitals, such as CM')
}

const listed = (known: readonly string[], language: Language): string =>
  `${language === 'fr' ? 'l’un de' : 'one of'} ${known.join(', ')}`
const known = [...FIELDS, 'file'].join(', ')
const unknown = {
  en: `no such field; the fields are ${known}`,
  fr: `champ inconnu ; les champs sont ${known}`,
}
const repeated = { en: 'given twice', fr: 'donné deux fois' }

const fault = (name: string, detail: string): Refusal =>
  new Refusal('VALIDATION_FAILED', { errors: [{ pointer: `/body/${name.slice(0, 100)}`, detail }] })

const tooLarge = (max: number): Refusal => {
  const mebibytes = Math.floor(max / 1_048_576)
  return new Refusal('DOCUMENT_TOO_LARGE', {
    detail: { en: `At most ${mebibytes} MB.`, fr: `${mebibytes} Mo au plus.` },
  })
}

/** The sentences of @fastify/busboy and its Dicer; none of their errors carries a code. */
const isBrokenForm = (error: unknown): boolean =>
  error instanceof Error && !('code' in error) && /multipart|terminated early/i.test(error.message)

const brokenForm = (): Refusal =>
  new Refusal('BAD_REQUEST', {
    detail: {
      en: 'The form is cut short, or its Content-Type does not name its boundary',
      fr: 'Le formulaire est incomplet, ou son Content-Type n’indique pas son séparateur (boundary)',
    },
  })
