import { Option } from 'commander'
import { createAdministrator } from '../identity/index.ts'
import { secretOf } from '../platform/kept-secret.ts'
import { ask, firstLineIn, isAttended } from './ask.ts'
import { operator, withDatabase } from './database.ts'
import { readEnvironment } from './environment.ts'
import { exits } from './exits.ts'
import { leaf, type Common, type Group } from './group.ts'
import { print } from './print.ts'
import { Stop } from './stop.ts'
import { inWords, language, type Sentence } from './words.ts'

export const createsuperuser: Group = (program) => {
  leaf(program, 'createsuperuser', 'make an administrator, who signs in by phone and password')
    .option('--phone <number>', 'such as +237670000000')
    .option('--first-name <name>', 'first name')
    .option('--last-name <name>', 'last name')
    .option('--email <address>', 'may be left out')
    .addOption(new Option('--language <code>', 'of messages').choices(['fr', 'en']).default(language))
    .option('--password-stdin', 'the password is the first line of standard input')
    .action(create)
}

type CreateOptions = Common & {
  readonly phone?: string
  readonly firstName?: string
  readonly lastName?: string
  readonly email?: string
  readonly language: 'fr' | 'en'
  readonly passwordStdin?: true
}

async function create(options: CreateOptions): Promise<void> {
  const phone_number = await given(options.phone, '--phone', {
    en: 'Phone number:',
    fr: 'Numéro de téléphone :',
  })
  const first_name = await given(options.firstName, '--first-name', { en: 'First name:', fr: 'Prénom :' })
  const last_name = await given(options.lastName, '--last-name', { en: 'Last name:', fr: 'Nom :' })
  const password = await readPassword(options.passwordStdin === true)
  const { email, language: preferred_language } = options
  const made = await withDatabase(async (db, { config }) => {
    const { identityOf } = await import('../wiring.ts')
    const identity = identityOf({ config, secret_key: secretOf(config) })
    const person = { phone_number, first_name, last_name, email, preferred_language }
    return createAdministrator(db, identity, { actor: operator(), person, password })
  })
  const view = { id: Number(made.id), phone_number: made.phone_number, roles: made.roles }
  print(options, view, () =>
    inWords({
      en: `${made.phone_number} is an administrator (person ${made.id}). In production a second factor comes next: sign in, then /api/auth/second-factor/setup.`,
      fr: `${made.phone_number} est administrateur (personne ${made.id}). En production, il faut ensuite un second facteur : connectez-vous, puis /api/auth/second-factor/setup.`,
    }),
  )
}

/** A name as it will be kept: without what would spoil a message or a log. */
const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,100}$/u

async function given(value: string | undefined, option: string, question: Sentence): Promise<string> {
  const text = (value ?? (isAttended() ? await ask(question) : '')).trim()
  if (PRINTABLE.test(text)) return text
  throw new Stop(exits.usage, {
    en: `${option} is needed, 100 characters at most`,
    fr: `${option} est obligatoire, 100 caractères au plus`,
  })
}

/** From standard input, from the environment (as Django's command takes it too), or from who sits there, twice. */
async function readPassword(from_stdin: boolean): Promise<string> {
  if (from_stdin) return firstLineIn()
  const env = readEnvironment()
  const kept = env['SUPERUSER_PASSWORD'] ?? env['DJANGO_SUPERUSER_PASSWORD'] ?? ''
  if (kept !== '') return kept
  if (!isAttended())
    throw new Stop(exits.usage, {
      en: 'no password: give --password-stdin, or SUPERUSER_PASSWORD in the environment',
      fr: 'pas de mot de passe : donnez --password-stdin, ou SUPERUSER_PASSWORD dans l’environnement',
    })
  const password = await ask({ en: 'Password:', fr: 'Mot de passe :' }, true)
  const again = await ask({ en: 'The same again:', fr: 'Encore une fois :' }, true)
  if (password === again) return password
  throw new Stop(exits.usage, { en: 'the two are not the same', fr: 'les deux ne sont pas identiques' })
}
