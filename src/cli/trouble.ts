import { CommanderError } from 'commander'
import { sqlState } from '../platform/db.ts'
import { Refusal, refusals } from '../platform/errors.ts'
import { exits, type Exit } from './exits.ts'
import { Stop, type Fault, type StopDetail } from './stop.ts'
import { COLON, inWords, language } from './words.ts'

type Trouble = { readonly exit: Exit; readonly sentence: string; readonly more: StopDetail }

/** Says what went wrong in one sentence on standard error (with `--json`, also as JSON on standard output). */
export function tell(error: unknown, args: readonly string[]): Exit {
  const { exit, sentence, more } = troubleOf(error)
  const faults = (more.errors ?? []).map((fault) => `  ${placeOf(fault)}${fault.detail}\n`).join('')
  if (sentence !== '')
    process.stderr.write(
      `cauri: ${sentence}${more.code === undefined ? '' : ` [${more.code}]`}\n${faults}${restOf(more)}`,
    )
  if (args.includes('--json') && !args.includes('--help'))
    process.stdout.write(`${JSON.stringify({ error: { exit, message: sentence, ...more } }, null, 2)}\n`)
  return exit
}

function troubleOf(error: unknown): Trouble {
  if (error instanceof Stop) return { exit: error.exit, sentence: inWords(error.sentence), more: error.more }
  if (error instanceof Refusal) return refused(error)
  if (error instanceof CommanderError) return { exit: exits.usage, sentence: usageOf(error), more: {} }
  const sentence = databaseTrouble(error) ?? (error instanceof Error ? firstMessage(error) : String(error))
  return { exit: exits.failed, sentence, more: {} }
}

function refused({ code, more }: Refusal): Trouble {
  const title = refusals[code][language]
  const members = Object.entries(more.members ?? {}).map(([name, value]) => `${name} ${String(value)}`)
  const detail = more.detail?.[language] ?? members.join(', ')
  const errors = more.errors ?? []
  return {
    exit: exits.refused,
    sentence: detail === '' ? title : `${title}${COLON}${detail}`,
    more: { code, ...(errors.length > 0 ? { errors } : {}) },
  }
}

const placeOf = ({ line, column, pointer, detail }: Fault): string => {
  if (/^(line|ligne) /i.test(detail)) return '' // it says so itself
  if (line === undefined) return pointer === undefined || pointer === '' ? '' : `${pointer}: `
  const where = inWords({ en: `line ${line}`, fr: `ligne ${line}` })
  if (column === undefined) return `${where}${COLON}`
  return `${where}, ${inWords({ en: 'column', fr: 'colonne' })} ${column}${COLON}`
}

function restOf({ errors = [], error_count = 0 }: StopDetail): string {
  const rest = error_count - errors.length
  if (errors.length === 0 || rest <= 0) return ''
  return `  ${inWords({ en: `… and ${rest} more`, fr: `… et ${rest} autres` })}\n`
}

/** What the commander library complains of, in French where the terminal speaks it; its message names the words. */
const inFrench: Readonly<Record<string, (what: string) => string>> = {
  'commander.missingArgument': (what) => `il manque l’argument ${what}`,
  'commander.optionMissingArgument': (what) => `l’option ${what} demande une valeur`,
  'commander.missingMandatoryOptionValue': (what) => `l’option ${what} est obligatoire`,
  'commander.conflictingOption': (what) => `l’option ${what} ne va pas avec une autre qui est donnée`,
  'commander.unknownOption': (what) => `option inconnue : ${what}`,
  'commander.excessArguments': () => 'trop d’arguments',
  'commander.unknownCommand': (what) => `commande inconnue : ${what}`,
  'commander.invalidArgument': (what) => `la valeur de ${what} n’est pas valable`,
}

function usageOf(error: CommanderError): string {
  if (error.code === 'commander.help') return '' // the help itself was the answer
  const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
  const french = inFrench[error.code]
  if (language === 'en' || french === undefined) return `${message} (see --help)`
  return `${french(/'([^']*)'/.exec(message)?.[1] ?? '')} (voir --help)`
}

/** SQLSTATE 42P01, 42883, 42703: a table, function or column that this version has is not there. */
function databaseTrouble(error: unknown): string | undefined {
  if (/^(42P01|42883|42703)$/.test(sqlState(error)))
    return inWords({
      en: 'the database does not have the tables of this version yet: run cauri migrate, or start Cauri',
      fr: 'la base n’a pas encore les tables de cette version : lancez cauri migrate, ou démarrez Cauri',
    })
  if (error instanceof Error && /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT/.test(codeOf(error)))
    return inWords({
      en: `the database of DATABASE_URL does not answer (${codeOf(error)})`,
      fr: `la base de DATABASE_URL ne répond pas (${codeOf(error)})`,
    })
  return undefined
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '')

function firstMessage(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error && first.message !== '' ? first.message : error.message || error.name
}
