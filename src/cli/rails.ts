import { resumeConnection } from '../integrity/index.ts'
import { listConnections, type ConnectionRow } from '../payments/index.ts'
import { operator, withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { columns, print } from './print.ts'
import { inWords } from './words.ts'

export const rails: Group = (program) => {
  const group = branch(program, 'rails', 'connections to the payment rails')
  leaf(group, 'list', 'whether each connection runs, who drives it, why it stopped').action(list)
  leaf(group, 'resume', 'let a stopped connection go on; what a failed check stopped is checked again first')
    .argument('<id>', 'such as mojaloop')
    .option('--by <name>', 'who decides, for the audit trail (default: the user of this machine)')
    .action(resume)
}

async function list(options: Common): Promise<void> {
  const connections = await withDatabase((db) => listConnections(db))
  print(options, { rails: connections.map(viewOf) }, () =>
    connections.length === 0
      ? inWords({ en: 'No connection yet.', fr: 'Aucune connexion pour le moment.' })
      : columns(
          [
            'id',
            inWords({ en: 'state', fr: 'état' }),
            'mode',
            'worker',
            inWords({ en: 'because', fr: 'motif' }),
          ],
          connections.map((one) => [
            one.id,
            one.needs_operator ? `${one.state}*` : one.state,
            one.mode ?? '—',
            one.driven ? (one.worker ?? '—') : '—',
            one.stopped_because ?? '',
          ]),
        ),
  )
}

const viewOf = (one: ConnectionRow) => ({
  id: one.id,
  rail: one.rail,
  state: one.state,
  stopped_because: one.stopped_because,
  needs_operator: one.needs_operator,
  mode: one.mode,
  worker: one.driven ? one.worker : null,
})

async function resume(id: string, options: Common & { readonly by?: string }): Promise<void> {
  const resumed = await withDatabase((db, { config, log }) =>
    resumeConnection({ db, log, mode: config.CAURI_MODE }, id, options.by ?? operator()),
  )
  print(options, { id, resumed, state: 'RUNNING' }, () =>
    resumed
      ? inWords({ en: `${id} goes on.`, fr: `${id} reprend.` })
      : inWords({ en: `${id} was running already.`, fr: `${id} fonctionnait déjà.` }),
  )
}
