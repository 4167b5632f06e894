import { rotateKeys } from '../identity/index.ts'
import { rotateKeys as rotateDocumentKeys } from '../kyc/index.ts'
import { keyRingOf } from '../platform/crypto/key-ring.ts'
import { operator, withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { keptKey } from './kept-key.ts'
import { print, remark } from './print.ts'
import { counted, inWords } from './words.ts'

export const keys: Group = (program) => {
  const group = branch(program, 'keys', 'the keys of sign-in, second factors and identity documents')
  leaf(
    group,
    'rotate',
    'a new key for access tokens, and everything sealed anew under the first FIELD_ENCRYPTION_KEY; may be stopped and started again',
  )
    .option('--by <name>', 'who decides, for the audit trail (default: the user of this machine)')
    .action(rotate)
}

async function rotate(options: Common & { readonly by?: string }): Promise<void> {
  const by = options.by ?? operator()
  const done = await withDatabase(async (db, { config }) => {
    const { identityOf } = await import('../wiring.ts')
    const secret_key = config.SECRET_KEY ?? (await keptKey(config))
    const { kid, ...sign_in } = await rotateKeys(db, identityOf({ config, secret_key }), by)
    const proofs = await rotateDocumentKeys(db, keyRingOf(config.FIELD_ENCRYPTION_KEY, secret_key), by)
    return { kid, ...sign_in, ...proofs }
  })
  const { kid, signing_keys, second_factors, documents, found } = done
  const resealed = [
    counted(second_factors.resealed, FACTOR),
    counted(signing_keys.resealed, KEY),
    counted(documents, DOCUMENT),
    counted(found, RESULT),
  ].join(', ')
  print(options, done, () =>
    inWords({
      en: `Access tokens are signed by ${kid} now. Sealed again: ${resealed}.`,
      fr: `Les jetons sont désormais signés par ${kid}. Scellés à nouveau : ${resealed}.`,
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
const DOCUMENT = { en: 'document', fr: 'document' }
const RESULT = { en: 'result of a check', fr: 'résultat de vérification' }
