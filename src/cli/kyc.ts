import { resealSecondFactors } from '../identity/index.ts'
import { rotateKeys } from '../kyc/index.ts'
import { keyRingOf } from '../platform/crypto/key-ring.ts'
import { identityOf } from '../wiring.ts'
import { operator, withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { keptKey } from './kept-key.ts'
import { print } from './print.ts'
import { inWords } from './words.ts'

export const kyc: Group = (program) => {
  const group = branch(program, 'kyc', 'identity documents and the keys that they are sealed under')
  leaf(
    group,
    'rotate-keys',
    'seal everything anew under the first key of FIELD_ENCRYPTION_KEY; may be stopped and started again',
  )
    .option('--by <name>', 'who does it, for the audit trail (default: the user of this machine)')
    .action(rotate)
}

async function rotate(options: Common & { readonly by?: string }): Promise<void> {
  const by = options.by ?? operator()
  const done = await withDatabase(async (db, { config }) => {
    const secret_key = config.SECRET_KEY ?? (await keptKey(config))
    const rotated = await rotateKeys(db, keyRingOf(config.FIELD_ENCRYPTION_KEY, secret_key), by)
    const second_factors = await resealSecondFactors(db, identityOf({ config, secret_key }), by)
    return { ...rotated, second_factors }
  })
  const { key_version, documents, found, second_factors } = done
  print(options, done, () =>
    inWords({
      en: `Under the key ${key_version}: ${documents} documents, ${found} results of checks, ${second_factors} second factors. No other key of the list is needed by them any more.`,
      fr: `Sous la clé ${key_version} : ${documents} documents, ${found} résultats de vérification, ${second_factors} seconds facteurs. Aucune autre clé de la liste ne leur est plus nécessaire.`,
    }),
  )
}
