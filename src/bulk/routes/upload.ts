import type { FastifyRequest } from 'fastify'
import { Refusal } from '../../platform/errors.ts'
import type { Config } from '../../platform/config.ts'
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

const FIELDS = new Set(['payer_account', 'callback_url', 'validate_only', 'allow_duplicate'])
const MOST_FIELDS = 20

/**
 * Spools the file while it arrives and reads the fields. Refuses FILE_MISSING, FILE_TOO_LARGE, and unknown or
 * repeated fields; what was spooled is deleted by the caller's `finally` (`remove`).
 */
export async function readForm(
  request: FastifyRequest,
  folder: string,
  max_bytes: number,
  keep: (spooled: Spooled) => void,
): Promise<Form> {
  if (!request.isMultipart())
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', {
      detail: { en: 'multipart/form-data is needed', fr: 'Il faut multipart/form-data' },
    })
  const fields = new Map<string, string>()
  let file: { readonly spooled: Spooled; readonly name: string | null } | undefined
  const limits = {
    fields: MOST_FIELDS,
    files: 2,
    fieldSize: 4_096,
    fileSize: max_bytes + 1,
    parts: MOST_FIELDS + 2,
  }
  for await (const part of request.parts({ limits })) {
    if (part.type === 'file') {
      if (part.fieldname !== 'file' || file !== undefined) {
        part.file.resume()
        throw fieldFault(part.fieldname)
      }
      const spooled = await spool(part.file, folder, { max_bytes })
      keep(spooled)
      file = { spooled, name: part.filename === '' ? null : part.filename.slice(0, 255) }
    } else {
      if (!FIELDS.has(part.fieldname) || fields.has(part.fieldname)) throw fieldFault(part.fieldname)
      fields.set(part.fieldname, String(part.value).trim())
    }
  }
  if (file === undefined) throw new Refusal('FILE_MISSING')
  return {
    file: file.spooled,
    file_name: file.name,
    payer_account: given(fields, 'payer_account'),
    callback_url: given(fields, 'callback_url'),
    validate_only: flag(fields, 'validate_only'),
    allow_duplicate: flag(fields, 'allow_duplicate'),
  }
}

const given = (fields: ReadonlyMap<string, string>, name: string): string | undefined => {
  const value = fields.get(name)
  return value === '' ? undefined : value
}

function flag(fields: ReadonlyMap<string, string>, name: string): boolean {
  const value = (fields.get(name) ?? '').toLowerCase()
  if (['', 'false', '0', 'no'].includes(value)) return false
  if (['true', '1', 'yes'].includes(value)) return true
  throw new Refusal('VALIDATION_FAILED', { errors: [{ pointer: `/body/${name}`, detail: 'true | false' }] })
}

const fieldFault = (name: string): Refusal =>
  new Refusal('VALIDATION_FAILED', {
    errors: [
      {
        pointer: `/body/${name}`,
        detail: `unknown or repeated / inconnu ou répété: ${[...FIELDS, 'file'].join(', ')}`,
      },
    ],
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
