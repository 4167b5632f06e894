import { type Fault, Refusal, type RefusalCode } from '../../platform/errors.ts'
import type { Language } from '../../platform/http/language.ts'

export type Sentence = { readonly en: string; readonly fr: string }
/** What a sentence needs: where it is, and the offending values. Lines are lines of the file, from 1. */
export type Place = { readonly line?: number; readonly column?: string }
export type Values = Place & Readonly<Record<string, string | number>>

/** Makes the refusal of a whole file, in the caller's language where only one fits. */
export type Refuse = (reason: keyof typeof structure, values?: Values) => Refusal

/** The longest record of a file, in characters, quotes included: no honest row comes near it. */
export const MAX_RECORD = 65_536
export const MAX_COLUMNS = 200

/** Why a file cannot be read at all. What is wrong inside single cells is in `explain.ts`. */
const structure = {
  empty: {
    code: 'FILE_EMPTY',
    en: () => 'The file holds nothing but blank lines, or nothing at all.',
    fr: () => 'Le fichier ne contient rien, ou seulement des lignes vides.',
  },
  workbook: {
    code: 'FILE_NOT_CSV',
    en: () => 'This is an Excel workbook (or a zip archive). Save it as CSV and send that.',
    fr: () =>
      'C’est un classeur Excel (ou une archive zip). Enregistrez-le au format CSV et envoyez celui-ci.',
  },
  nul: {
    code: 'FILE_NOT_CSV',
    en: (v) => `Line ${v.line}: a NUL character. Is it a binary file, or UTF-16 without a byte order mark?`,
    fr: (v) => `Ligne ${v.line} : caractère NUL. Fichier binaire, ou UTF-16 sans marque d’ordre des octets ?`,
  },
  malformed: {
    code: 'FILE_NOT_CSV',
    en: (v) =>
      `From line ${v.line} on: bytes that are not ${v['encoding']}, which the file’s first bytes announce.`,
    fr: (v) =>
      `À partir de la ligne ${v.line} : des octets qui ne sont pas de l’${v['encoding']}, que le début du fichier annonce.`,
  },
  quote_open: {
    code: 'FILE_NOT_CSV',
    en: (v) => `Line ${v.line}: a quote is opened in this row and never closed.`,
    fr: (v) => `Ligne ${v.line} : un guillemet ouvert dans cette ligne n’est jamais fermé.`,
  },
  quote_stray: {
    code: 'FILE_NOT_CSV',
    en: (v) =>
      `Line ${v.line}: a quote is out of place (in the row that begins on line ${v['from']}). A cell with quotes is enclosed in quotes, and its own are doubled.`,
    fr: (v) =>
      `Ligne ${v.line} : guillemet mal placé (dans la ligne de données qui commence ligne ${v['from']}). Une cellule à guillemets s’écrit entre guillemets, les siens doublés.`,
  },
  record_long: {
    code: 'FILE_NOT_CSV',
    en: (v) => `Line ${v.line}: a row longer than ${MAX_RECORD} characters. Is a quote left open?`,
    fr: (v) =>
      `Ligne ${v.line} : une ligne de plus de ${MAX_RECORD} caractères. Un guillemet est-il resté ouvert ?`,
  },
  bytes: {
    code: 'FILE_TOO_LARGE',
    en: (v) => `The file is larger than ${v['max']} bytes.`,
    fr: (v) => `Le fichier dépasse ${v['max']} octets.`,
  },
  rows: {
    code: 'FILE_TOO_LARGE',
    en: (v) => `Line ${v.line}: more than ${v['max']} data rows. Split the file.`,
    fr: (v) => `Ligne ${v.line} : plus de ${v['max']} lignes de données. Partagez le fichier.`,
  },
  header_missing: {
    code: 'FILE_HEADER_MISSING',
    en: (v) => `Line ${v.line} looks like data. The first row must name the columns: ${v['formats']}.`,
    fr: (v) =>
      `La ligne ${v.line} ressemble à des données. La première doit nommer les colonnes : ${v['formats']}.`,
  },
  columns_unknown: {
    code: 'FILE_HEADER_UNKNOWN',
    en: (v) => `Line ${v.line}: no known column. The columns must be ${v['formats']}.`,
    fr: (v) => `Ligne ${v.line} : aucune colonne connue. Les colonnes doivent être ${v['formats']}.`,
  },
  columns_missing: {
    code: 'FILE_HEADER_UNKNOWN',
    en: (v) => `Line ${v.line}: missing columns: ${v['missing']}.`,
    fr: (v) => `Ligne ${v.line} : colonnes manquantes : ${v['missing']}.`,
  },
  columns_both: {
    code: 'FILE_HEADER_UNKNOWN',
    en: (v) => `Line ${v.line}: the columns of both formats at once. Keep one set.`,
    fr: (v) => `Ligne ${v.line} : les colonnes des deux formats à la fois. N’en gardez qu’un.`,
  },
  column_twice: {
    code: 'FILE_HEADER_UNKNOWN',
    en: (v) => `Line ${v.line}: the column “${v.column}” appears twice.`,
    fr: (v) => `Ligne ${v.line} : la colonne « ${v.column} » figure deux fois.`,
  },
  columns_many: {
    code: 'FILE_HEADER_UNKNOWN',
    en: (v) => `Line ${v.line}: ${v['count']} columns; ${MAX_COLUMNS} at most.`,
    fr: (v) => `Ligne ${v.line} : ${v['count']} colonnes ; ${MAX_COLUMNS} au plus.`,
  },
  no_rows: {
    code: 'FILE_HAS_NO_ROWS',
    en: (v) => `Nothing follows the header row (line ${v.line}).`,
    fr: (v) => `Rien ne suit la ligne d’en-tête (ligne ${v.line}).`,
  },
} as const satisfies Record<string, Reason>

type Reason = {
  readonly code: RefusalCode
  readonly en: (values: Values) => string
  readonly fr: (values: Values) => string
}

/** Refusals whose `detail` is in both languages and whose `errors` (line and column, when known) are in `language`. */
export function refuserIn(language: Language): Refuse {
  return (name, values = {}) => {
    const reason: Reason = structure[name]
    const detail = { en: reason.en(values), fr: reason.fr(values) }
    if (values.line === undefined) return new Refusal(reason.code, { detail })
    return new Refusal(reason.code, { detail, errors: [faultAt(values, reason.code, detail[language])] })
  }
}

/** A fault at a line and, when one is to blame, a column (its name as the header spells it). */
export function faultAt(place: Place, code: string, detail: string): Fault {
  const { line = 0, column } = place
  return {
    line,
    ...(column === undefined ? {} : { column }),
    code,
    detail,
    pointer: column === undefined ? `/rows/${line}` : `/rows/${line}/${pointerToken(column)}`,
  }
}

/** RFC 6901 §3: `~` and `/` are escaped in a JSON pointer. */
const pointerToken = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** A cell for a sentence: shortened, and what cannot be seen made visible. */
export function shown(cell: string): string {
  const start = cell.length > 40 ? `${cell.slice(0, 40)}…` : cell
  return start.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '·')
}
