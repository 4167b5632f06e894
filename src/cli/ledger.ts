import type { Breach } from '../ledger/index.ts'
import { checkAll } from '../payments/index.ts'
import { withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { print } from './print.ts'
import { inWords } from './words.ts'

export const ledger: Group = (program) => {
  const group = branch(program, 'ledger', 'the double-entry ledger')
  leaf(group, 'check', 'verify every invariant of the ledger and of the payments; changes nothing').action(
    async (options: Common) => {
      const breaches = await withDatabase(checkAll)
      print(options, { ok: breaches.length === 0, breaches }, () => textOf(breaches))
      if (breaches.length > 0) process.exitCode = exits.breaches
    },
  )
}

function textOf(breaches: readonly Breach[]): string {
  if (breaches.length === 0)
    return inWords({ en: 'Every franc is explained.', fr: 'Chaque franc est expliqué.' })
  const lines = breaches.map(({ invariant, found }) => `${invariant}: ${found}`)
  const many = inWords({
    en: `${breaches.length} breaches. Stop the worker, keep everything, call a developer.`,
    fr: `${breaches.length} anomalies. Arrêtez le worker, ne touchez à rien, appelez un développeur.`,
  })
  return [...lines, many].join('\n')
}
