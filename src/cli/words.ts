import { env } from 'node:process'
import type { Language } from '../platform/http/language.ts'

export type Sentence = { readonly en: string; readonly fr: string }

/** The language of the terminal (POSIX, environment variables §8.2: LC_ALL, then LC_MESSAGES, then LANG); else English. */
export const language: Language = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']]
  .find((value) => value !== undefined && value !== '')
  ?.toLowerCase()
  .startsWith('fr')
  ? 'fr'
  : 'en'

export const inWords = (sentence: Sentence): string => sentence[language]

/** Between a title and its detail: French puts a space before it. */
export const COLON = language === 'fr' ? ' : ' : ': '

/** An amount for reading: grouped by thousands, with its currency. */
export const money = (amount: bigint | number, currency: string): string =>
  `${new Intl.NumberFormat(language).format(amount)} ${currency}`

/** `1 line`, `2 lines`: the word is given in the singular, and takes an s. */
export const counted = (count: number, word: Sentence): string =>
  `${count} ${inWords(word)}${count === 1 || (language === 'fr' && count === 0) ? '' : 's'}`
