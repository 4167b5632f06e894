import { z } from 'zod'
import type { Fault } from '../errors.ts'
import { Refusal } from '../errors.ts'
import type { Language } from './language.ts'

export type Part = 'body' | 'query' | 'params' | 'headers'

/** Input that its schema refuses; the sentences are made at the edge, where the language is known. */
export class InvalidInput extends Error {
  readonly issues: readonly z.core.$ZodIssue[]
  /** Written by Fastify when the error passes through it. */
  validationContext?: string
  constructor(issues: readonly z.core.$ZodIssue[]) {
    super('the input does not match its schema')
    this.issues = issues
  }
}

/** Stands for «no sentence of the schema's author»: the edge puts zod's own one, in the caller's language. */
const UNSAID = '\u0000'

/** Fastify's validator for a zod schema. */
export const validatorFor =
  (schema: z.ZodType) =>
  (data: unknown): { value: unknown } | { error: Error } => {
    const result = z.safeParse(schema, data, { error: () => UNSAID })
    return result.success ? { value: result.data } : { error: new InvalidInput(result.error.issues) }
  }

const locales = { fr: z.locales.fr().localeError, en: z.locales.en().localeError }
const MAX_FAULTS = 100

/** The faults of a refused input: JSON pointers such as `/body/amount`, sentences in the caller's language. */
export function faultsOf(error: InvalidInput, language: Language): readonly Fault[] {
  const context = error.validationContext ?? 'body'
  const root = context === 'querystring' ? 'query' : context
  return error.issues.slice(0, MAX_FAULTS).map((issue) => ({
    pointer: `/${[root, ...issue.path].map((part) => pointerPart(String(part))).join('/')}`,
    detail: issue.message === UNSAID ? sentence(issue, language) : issue.message,
  }))
}

const pointerPart = (text: string): string => text.replaceAll('~', '~0').replaceAll('/', '~1')

function sentence(issue: z.core.$ZodIssue, language: Language): string {
  const said = locales[language](issue as z.core.$ZodRawIssue)
  const text = typeof said === 'string' ? said : said?.message
  return text ?? (language === 'fr' ? 'Valeur non valide' : 'Invalid value')
}

const MAX_DEPTH = 32

/**
 * Refuses JSON that nests deeper than 32 levels or holds a NUL character, which PostgreSQL cannot store. Walks
 * without recursion: the depth of the input is the attacker's choice.
 */
export function assertPlainJson(root: unknown): void {
  let level: unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw tooDeep()
    const next: unknown[] = []
    for (const value of level) {
      if (typeof value === 'string' && value.includes('\u0000')) throw nulInside()
      if (typeof value !== 'object' || value === null) continue
      for (const [key, child] of Object.entries(value)) {
        if (key.includes('\u0000')) throw nulInside()
        next.push(child)
      }
    }
    level = next
  }
}

const tooDeep = (): Refusal =>
  new Refusal('BAD_REQUEST', {
    detail: {
      en: `The JSON nests deeper than ${MAX_DEPTH} levels`,
      fr: `Le JSON dépasse ${MAX_DEPTH} niveaux`,
    },
  })

export const nulInside = (): Refusal =>
  new Refusal('BAD_REQUEST', {
    detail: { en: 'NUL characters are not accepted', fr: 'Le caractère NUL n’est pas accepté' },
  })
