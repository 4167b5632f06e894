import type { MultipartFile, MultipartValue } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../../platform/config.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Language } from '../../platform/http/language.ts'
import { nulInside } from '../../platform/http/validation.ts'
import { checkPublicUrl } from '../../platform/ssrf.ts'
import type { BulkDeps } from '../deps.ts'
import { spool, type Spooled } from '../file/spool.ts'

/** The form of an upload, read whatever the order of its parts (the old system's curl line sends the file first). */
export type Form = {
  readonly file: Spooled
  readonly file_name: string | null
  readonly payer_account: string | undefined
  readonly callback_url: string | undefined
  readonly validate_only: boolean
  readonly allow_duplicate: boolean
}

export type FormRules = {
  readonly folder: string
  readonly max_bytes: number
  readonly language: Language
  /** Told of the file as soon as it lies in the folder: the caller deletes it. */
  readonly keep: (spooled: Spooled) => void
}

const FIELDS = ['payer_account', 'callback_url', 'validate_only', 'allow_duplicate'] as const
type Field = (typeof FIELDS)[number]
const isField = (name: string): name is Field => FIELDS.some((field) => field === name)
const MOST_FIELDS = 20
const FIELD_BYTES = 4_096
const NAME_LENGTH = 255

/**
 * Spools the file while it arrives and reads the fields. Refuses UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST (a form that is
 * cut or has no boundary), FILE_MISSING, FILE_TOO_LARGE, and VALIDATION_FAILED for fields that are unknown, repeated,
 * too long or not true or false.
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
  let file: { readonly spooled: Spooled; readonly name: string | null } | undefined
  const limits = { fields: MOST_FIELDS, files: 2, parts: MOST_FIELDS + 2, fieldSize: FIELD_BYTES }
  try {
    // The spool has its own limit, with its own refusal; the parser's stands above it.
    for await (const part of request.parts({ limits: { ...limits, fileSize: rules.max_bytes + 65_536 } })) {
      if (part.type === 'file') file = await takeFile(part, file !== undefined, rules)
      else takeField(part, fields, rules.language)
    }
  } catch (error) {
    // What the form's parser cannot read it reports as a plain Error: it is the caller's fault, not a bug.
    throw isBrokenForm(error) ? brokenForm() : error
  }
  if (file === undefined) throw new Refusal('FILE_MISSING')
  return {
    file: file.spooled,
    file_name: file.name,
    payer_account: fields.get('payer_account') || undefined,
    callback_url: fields.get('callback_url') || undefined,
    validate_only: isTrue(fields, 'validate_only', rules.language),
    allow_duplicate: isTrue(fields, 'allow_duplicate', rules.language),
  }
}

async function takeFile(
  part: MultipartFile,
  second: boolean,
  { folder, max_bytes, language, keep }: FormRules,
): Promise<{ spooled: Spooled; name: string | null }> {
  if (second || part.fieldname !== 'file') {
    part.file.resume()
    throw fieldFault(part.fieldname, second ? 'repeated' : 'unknown', language)
  }
  const spooled = await spool(part.file, folder, { max_bytes })
  keep(spooled)
  // The parser gives no name where the part has none, whatever its type says.
  const given: string | undefined = part.filename
  const name = (given ?? '').replaceAll(/\p{Cc}/gu, '').slice(0, NAME_LENGTH)
  return { spooled, name: name === '' ? null : name }
}

function takeField(part: MultipartValue, fields: Map<Field, string>, language: Language): void {
  const { fieldname: name } = part
  if (name === 'file') throw notAFile()
  if (!isField(name)) throw fieldFault(name, 'unknown', language)
  if (fields.has(name)) throw fieldFault(name, 'repeated', language)
  const value = typeof part.value === 'string' ? part.value.trim() : ''
  if (value.includes('\0')) throw nulInside()
  if (part.valueTruncated === true) throw fieldFault(name, 'long', language)
  fields.set(name, value)
}

function isTrue(fields: ReadonlyMap<Field, string>, name: Field, language: Language): boolean {
  const value = (fields.get(name) ?? '').toLowerCase()
  if (['', 'false', '0', 'no'].includes(value)) return false
  if (['true', '1', 'yes'].includes(value)) return true
  throw fieldFault(name, 'flag', language)
}

const known = [...FIELDS, 'file'].join(', ')
const faults = {
  unknown: { en: `no such field; the fields are ${known}`, fr: `champ inconnu ; les champs sont ${known}` },
  repeated: { en: 'given twice', fr: 'donné deux fois' },
  long: { en: `longer than ${FIELD_BYTES} bytes`, fr: `dépasse ${FIELD_BYTES} octets` },
  flag: { en: 'write true or false', fr: 'écrivez true ou false' },
} as const

const fieldFault = (name: string, fault: keyof typeof faults, language: Language): Refusal =>
  new Refusal('VALIDATION_FAILED', {
    errors: [{ pointer: `/body/${name.slice(0, 100)}`, detail: faults[fault][language] }],
  })

const notAFile = (): Refusal =>
  new Refusal('FILE_MISSING', {
    detail: {
      en: 'The part “file” has no file name, so it is not a file. With curl: -F "file=@list.csv"',
      fr: 'La partie « file » n’a pas de nom de fichier : ce n’est pas un fichier. Avec curl : -F "file=@liste.csv"',
    },
  })

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

/** Checks the callback's address before anything is reserved; our own is recognised and nothing is sent to it. */
export function readCallback(
  url: string | undefined,
  config: Config,
  own: BulkDeps['own_origins'],
): { readonly url: string; readonly wanted: boolean } | undefined {
  if (url === undefined) return undefined
  if (URL.canParse(url) && own().includes(new URL(url).origin)) return { url, wanted: false }
  const production = config.CAURI_MODE === 'production'
  const checked = checkPublicUrl(url, { production, allow_loopback: !production })
  if (checked instanceof URL) return { url: checked.href, wanted: true }
  throw new Refusal('CALLBACK_URL_INVALID', { detail: checked })
}
