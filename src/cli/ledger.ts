import { checkLedger, type Breach } from '../ledger/index.ts'
import { checkPayments } from '../payments/index.ts'
import { sql, type Db } from '../platform/db.ts'
import { withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { print } from './print.ts'
import { inWords } from './words.ts'

export const ledger: Group = (program) => {
  const group = branch(program, 'ledger', 'the double-entry ledger')
  leaf(group, 'check', 'verify every invariant of the ledger and of the payments; changes nothing').action(
    async (options: Common) => {
      const breaches = await withDatabase(checkInOneSnapshot)
      print(options, { ok: breaches.length === 0, breaches }, () => textOf(breaches))
      if (breaches.length > 0) process.exitCode = exits.breaches
    },
  )
}

/** Everything is read again, which takes its time. */
const TIMEOUT_MS = 3_600_000

/** In one snapshot: while Cauri pays, two statements would otherwise see two moments and differ by what moved between. */
const checkInOneSnapshot = (db: Db): Promise<Breach[]> =>
  db.tx(
    async (tx) => {
      await tx.run(sql`set transaction isolation level repeatable read, read only`)
      return [...(await checkLedger(tx)), ...(await checkPayments(tx))]
    },
    { timeout_ms: TIMEOUT_MS },
  )

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
