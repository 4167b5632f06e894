import { invariantsOf, lookAtAll, type Look } from '../integrity/index.ts'
import type { Invariant } from '../platform/invariant.ts'
import { withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { print } from './print.ts'
import { inWords } from './words.ts'

export const ledger: Group = (program) => {
  const group = branch(program, 'ledger', 'the double-entry ledger')
  leaf(group, 'check', 'verify every invariant of the ledger and of the payments; changes nothing').action(
    async (options: Common) => {
      const { look, invariants } = await withDatabase(async (db, { config }) => ({
        look: await lookAtAll(db, config.CAURI_MODE),
        invariants: invariantsOf(config.CAURI_MODE),
      }))
      const broken = new Set(look.breaches.map(({ id }) => id))
      const view = {
        ok: broken.size === 0,
        duration_ms: look.duration_ms,
        breaches: look.breaches,
        invariants: invariants.map(({ id, name }) => ({ id, name: inWords(name), holds: !broken.has(id) })),
      }
      print(options, view, () => textOf(invariants, look))
      if (broken.size > 0) process.exitCode = exits.breaches
    },
  )
}

/** One line each, what was found below it, and what that means. */
function textOf(invariants: readonly Invariant[], { breaches, duration_ms }: Look): string {
  const found = Map.groupBy(breaches, ({ id }) => id)
  const lines = invariants.flatMap(({ id, name }) => {
    const here = found.get(id) ?? []
    const word = here.length === 0 ? 'ok' : inWords({ en: 'BROKEN', fr: 'ROMPU' })
    return [`${id}  ${word.padEnd(6)}  ${inWords(name)}`, ...here.map((breach) => `        ${breach.found}`)]
  })
  return [
    ...lines,
    '',
    found.size === 0 ? soundness(invariants.length, duration_ms) : alarm(found.size),
  ].join('\n')
}

const soundness = (n: number, ms: number): string =>
  inWords({
    en: `Every franc is explained: ${n} invariants hold (${ms} ms).`,
    fr: `Chaque franc est expliqué : ${n} invariants sont respectés (${ms} ms).`,
  })

const alarm = (n: number): string =>
  inWords({
    en: `${n} ${n === 1 ? 'invariant does' : 'invariants do'} not hold. Stop the worker, keep everything, call a developer.`,
    fr: `${n} ${n === 1 ? 'invariant n’est pas respecté' : 'invariants ne sont pas respectés'}. Arrêtez le worker, ne touchez à rien, appelez un développeur.`,
  })
