import { rotateKeys } from '../identity/index.ts'
import { secretOf } from '../platform/kept-secret.ts'
import { operator, withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { print, remark } from './print.ts'
import { counted, inWords } from './words.ts'

export const keys: Group = (program) => {
  const group = branch(program, 'keys', 'the keys of sign-in')
  leaf(
    group,
    'rotate',
    'a new key for access tokens; secrets of second factors and old keys are sealed under the first FIELD_ENCRYPTION_KEY',
  )
    .option('--by <name>', 'who decides, for the audit trail (default: the user of this machine)')
    .action(rotate)
}

async function rotate(options: Common & { readonly by?: string }): Promise<void> {
  const done = await withDatabase(async (db, { config }) => {
    const { identityOf } = await import('../wiring.ts')
    const identity = identityOf({ config, secret_key: secretOf(config) })
    return rotateKeys(db, identity, options.by ?? operator())
  })
  const { kid, signing_keys, second_factors } = done
  print(options, done, () =>
    inWords({
      en: `Access tokens are signed by ${kid} now. Sealed again: ${counted(second_factors.resealed, FACTOR)}, ${counted(signing_keys.resealed, KEY)}.`,
      fr: `Les jetons sont désormais signés par ${kid}. Scellés à nouveau : ${counted(second_factors.resealed, FACTOR)}, ${counted(signing_keys.resealed, KEY)}.`,
    }),
  )
  if (second_factors.unreadable === 0) return
  remark(
    inWords({
      en: `No key of FIELD_ENCRYPTION_KEY opens ${counted(second_factors.unreadable, FACTOR)}: add the one that sealed them, or reset them (cauri user reset-mfa).`,
      fr: `Aucune clé de FIELD_ENCRYPTION_KEY n’ouvre ${counted(second_factors.unreadable, FACTOR)} : ajoutez celle qui les a scellés, ou retirez-les (cauri user reset-mfa).`,
    }),
  )
  process.exitCode = exits.failed
}

const FACTOR = { en: 'second factor', fr: 'second facteur' }
const KEY = { en: 'key', fr: 'clé' }
