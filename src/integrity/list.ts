import { auditFrozen, auditGuards, auditInvariants } from '../audit/index.ts'
import { bulkGuards, bulkInvariants } from '../bulk/index.ts'
import { ledgerGuards, ledgerInvariants } from '../ledger/index.ts'
import { paymentsGuards, paymentsInvariants } from '../payments/index.ts'
import type { Config } from '../platform/config.ts'
import { schemaInvariants, type Invariant } from '../platform/invariant.ts'

const guards = [
  ...auditGuards,
  ...bulkGuards,
  ...ledgerGuards,
  ...paymentsGuards,
  'integrity_checks.integrity_checks_append_only',
]
/** The application's role may add to them, and do nothing else. */
const frozen = [...auditFrozen, 'ledger_accounts', 'ledger_entries', 'ledger_lines']
/** They name no organisation and belong to one. */
const owned = ['identity_organizations', 'payments_batches', 'payments_incoming']

const all: readonly Invariant[] = [
  ...ledgerInvariants,
  ...paymentsInvariants,
  ...bulkInvariants,
  ...auditInvariants,
  ...schemaInvariants(guards, frozen, owned),
].toSorted((a, b) => a.id.localeCompare(b.id))

export type Mode = Config['CAURI_MODE']

/** Every invariant that is looked at in this mode, by id. */
export const invariantsOf = (mode: Mode): readonly Invariant[] =>
  all.filter((one) => mode === 'production' || one.production_only !== true)
