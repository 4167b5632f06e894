import { currencies, MAX_AMOUNT } from '../../platform/money.ts'
import { partyTypes } from '../../platform/party.ts'
import { type Sentence, shown } from './faults.ts'

/** What can be wrong with a row or a cell. */
export type CellFault =
  | 'ROW_TOO_SHORT'
  | 'ROW_TOO_LONG'
  | 'TRANSFER_ID_INVALID'
  | 'TRANSFER_ID_DUPLICATE'
  | 'TRANSFER_ID_USED'
  | 'AMOUNT_INVALID'
  | 'TOTAL_TOO_LARGE'
  | 'CURRENCY_UNSUPPORTED'
  | 'CURRENCY_MIXED'
  | 'PARTY_TYPE_UNKNOWN'
  | 'MSISDN_INVALID'
  | 'IDENTIFIER_INVALID'
  | 'NAME_TOO_LONG'
  | 'MSISDN_LENGTH_UNUSUAL'
  | 'MSISDN_COUNTRY_UNKNOWN'
  | 'IDENTIFIER_SHORTENED'

/** What only some sentences need: counts of cells or characters, another line, the file's currency. */
export type Particulars = { readonly expected?: string | number; readonly found?: string | number }

/** Says what is wrong with a cell and what to write, in both languages. */
export function explain(code: CellFault, cell: string, { expected = '', found = '' }: Particulars): Sentence {
  switch (code) {
    case 'ROW_TOO_SHORT':
      return {
        en: `too few cells: ${found} of ${expected}.`,
        fr: `trop peu de cellules : ${found} sur ${expected}.`,
      }
    case 'ROW_TOO_LONG':
      return {
        en: `too many cells: ${found} for ${expected}. Is there an unquoted separator in a cell?`,
        fr: `trop de cellules : ${found} pour ${expected}. Une cellule contient-elle un séparateur sans guillemets ?`,
      }
    case 'TRANSFER_ID_DUPLICATE':
      return {
        en: `this transferId is already on line ${found}.`,
        fr: `ce transferId figure déjà à la ligne ${found}.`,
      }
    case 'TRANSFER_ID_USED':
      return {
        en: 'this transferId was already used by this payer.',
        fr: 'ce transferId a déjà servi pour ce payeur.',
      }
    case 'AMOUNT_INVALID':
      return explainAmount(cell)
    case 'TOTAL_TOO_LARGE':
      return {
        en: `with this row the total passes ${MAX_AMOUNT}. Split the file.`,
        fr: `avec cette ligne, le total dépasse ${MAX_AMOUNT}. Partagez le fichier.`,
      }
    case 'CURRENCY_MIXED':
      return {
        en: `the rows above are in ${expected}; a file has one currency.`,
        fr: `les lignes qui précèdent sont en ${expected} ; un fichier n’a qu’une devise.`,
      }
    case 'NAME_TOO_LONG':
      return {
        en: `${found} characters; ${expected} at most.`,
        fr: `${found} caractères ; ${expected} au plus.`,
      }
    case 'MSISDN_LENGTH_UNUSUAL':
      return {
        en: 'unusual length for a number of this country; check it.',
        fr: 'longueur inhabituelle pour un numéro de ce pays ; vérifiez-le.',
      }
    case 'MSISDN_COUNTRY_UNKNOWN':
      return {
        en: 'no country code of the franc zone in front (such as 237 or 228); check it.',
        fr: 'ne commence par aucun indicatif de la zone franc (comme 237 ou 228) ; vérifiez-le.',
      }
    case 'IDENTIFIER_SHORTENED':
      return {
        en: 'looks like a number shortened by a spreadsheet; check it.',
        fr: 'ressemble à un nombre raccourci par un tableur ; vérifiez-le.',
      }
    default:
      return explainWord(code, cell)
  }
}

type WordFault =
  | 'TRANSFER_ID_INVALID'
  | 'CURRENCY_UNSUPPORTED'
  | 'PARTY_TYPE_UNKNOWN'
  | 'MSISDN_INVALID'
  | 'IDENTIFIER_INVALID'

const CODES = Object.keys(currencies).join(', ')
const TYPES = partyTypes.join(', ')

function explainWord(code: WordFault, cell: string): Sentence {
  const empty = cell === '' ? { en: 'is empty; ', fr: 'est vide ; ' } : { en: '', fr: '' }
  const spaced = /\s/.test(cell) ? { en: 'contains a space; ', fr: 'contient un espace ; ' } : empty
  const upper = cell.trim().toUpperCase()
  if (code === 'CURRENCY_UNSUPPORTED') {
    if (upper !== cell && Object.hasOwn(currencies, upper))
      return {
        en: `write ${upper}, in capitals, no spaces.`,
        fr: `écrivez ${upper}, en majuscules, sans espaces.`,
      }
    return { en: `${empty.en}write one of ${CODES}.`, fr: `${empty.fr}écrivez l’un de : ${CODES}.` }
  }
  if (code === 'PARTY_TYPE_UNKNOWN') {
    if (upper !== cell && partyTypes.some((type) => type === upper))
      return {
        en: `write ${upper}, in capitals, no spaces.`,
        fr: `écrivez ${upper}, en majuscules, sans espaces.`,
      }
    return { en: `${empty.en}write one of ${TYPES}.`, fr: `${empty.fr}écrivez l’un de : ${TYPES}.` }
  }
  if (code === 'MSISDN_INVALID') {
    const rule = {
      en: 'a phone number is 6 to 15 digits, country code first, with or without +.',
      fr: 'un numéro de téléphone a 6 à 15 chiffres, indicatif du pays en tête, avec ou sans +.',
    }
    const exponent = EXPONENT.test(cell) ? shortened : spaced
    return { en: exponent.en + rule.en, fr: exponent.fr + rule.fr }
  }
  const rule = {
    en: '1 to 128 of the characters A–Z a–z 0–9 @ . _ + - and nothing else.',
    fr: '1 à 128 caractères parmi A–Z a–z 0–9 @ . _ + - et rien d’autre.',
  }
  return { en: spaced.en + rule.en, fr: spaced.fr + rule.fr }
}

export const EXPONENT = /^[+-]?\d+([.,]\d+)?[eE][+-]?\d+$/
const shortened: Sentence = {
  en: 'shortened by a spreadsheet, digits may be lost: format the column as a number without decimals, or as text; ',
  fr: 'raccourci par un tableur, des chiffres sont peut-être perdus : mettez la colonne au format nombre sans décimales, ou texte ; ',
}

/** First cause that fits, from the most telling. Never the number that may have been meant: that would be a guess. */
const causes: readonly { readonly of: RegExp; readonly because: Sentence }[] = [
  { of: /^$/, because: { en: 'is empty; ', fr: 'est vide ; ' } },
  { of: /^=/, because: { en: 'is a formula; ', fr: 'est une formule ; ' } },
  { of: EXPONENT, because: shortened },
  {
    of: /^(?=.*\p{Nd})(?!.*[0-9])/u,
    because: { en: 'its digits are not 0 to 9; ', fr: 'ses chiffres ne sont pas 0 à 9 ; ' },
  },
  { of: /^[+-]/, because: { en: 'has a sign; ', fr: 'porte un signe ; ' } },
  { of: /[.,]/, because: { en: 'has a comma or a point; ', fr: 'contient une virgule ou un point ; ' } },
  { of: /\s/, because: { en: 'contains a space; ', fr: 'contient un espace ; ' } },
  { of: /^0+$/, because: { en: 'is zero; ', fr: 'est nul ; ' } },
  {
    of: /^\d+$/,
    because: {
      en: `is above ${MAX_AMOUNT} or has more than 16 digits; `,
      fr: `dépasse ${MAX_AMOUNT} ou a plus de 16 chiffres ; `,
    },
  },
]

function explainAmount(cell: string): Sentence {
  const because = causes.find((cause) => cause.of.test(cell))?.because ?? { en: '', fr: '' }
  return {
    en: `${because.en}write whole francs with the digits 0 to 9 only, at least 1 (the franc has no centimes).`,
    fr: `${because.fr}écrivez des francs entiers avec les seuls chiffres 0 à 9, au moins 1 (le franc n’a pas de centimes).`,
  }
}

/** The whole sentence: line, column, the cell as it stands, what is wrong. */
export function describe(
  { line, column, cell }: { readonly line: number; readonly column?: string; readonly cell?: string },
  what: Sentence,
): Sentence {
  const value = cell === undefined || cell === '' ? '' : shown(cell)
  const en = `Line ${line}${column === undefined ? '' : `, column “${column}”`}`
  const fr = `Ligne ${line}${column === undefined ? '' : `, colonne « ${column} »`}`
  return {
    en: value === '' ? `${en}: ${what.en}` : `${en}: “${value}”: ${what.en}`,
    fr: value === '' ? `${fr} : ${what.fr}` : `${fr} : « ${value} » : ${what.fr}`,
  }
}
