import type { Invariant } from '../platform/invariant.ts'
import * as q from './sql.ts'

/** What the trail promises of itself, as far as queries can tell; `cauri audit verify` computes every hash again. */
export const auditInvariants: readonly Invariant[] = [
  {
    id: 'INV-25',
    name: {
      en: 'every act of the trail is sealed once or waits for it, and the newest checkpoint covers what is sealed',
      fr: 'tout acte de la piste est scellé une fois ou attend de l’être, et le dernier point de contrôle couvre le scellé',
    },
    kept_by:
      'triggers `audit_events_await_seal` and `audit_…_append_only`, foreign keys, one sealer at a time',
    pauses: true,
    find: async (db) => [...(await q.selectAstray(db)), ...(await q.selectUncovered(db))],
  },
  {
    id: 'INV-43',
    name: {
      en: 'where acts were ever sealed, none waits for its seal for more than an hour',
      fr: 'là où des actes furent scellés, aucun n’attend son sceau plus d’une heure',
    },
    kept_by: 'the worker seals each second; the log says why when it cannot',
    pauses: false,
    find: q.selectStalled,
  },
]

/** The triggers that keep the trail as it was written, as `table.trigger`. */
export const auditGuards: readonly string[] = [
  'audit_events.audit_events_append_only',
  'audit_events.audit_events_no_truncate',
  'audit_events.audit_events_await_seal',
  ...['log', 'leaves', 'nodes', 'checkpoints'].flatMap((table) => [
    `audit_${table}.audit_${table}_append_only`,
    `audit_${table}.audit_${table}_no_truncate`,
  ]),
]

/** Tables that the application's role may add to, at most. */
export const auditFrozen: readonly string[] = [
  'audit_events',
  'audit_leaves',
  'audit_nodes',
  'audit_checkpoints',
  'audit_log',
]
