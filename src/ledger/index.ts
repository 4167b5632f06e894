/**
 * The double-entry ledger. It promises that the lines of every entry sum to zero, that a reason posts once, that no
 * liability goes below zero, and that nothing written is ever changed; PostgreSQL itself holds these rules. It knows
 * nobody: what an entry means is its caller's business.
 */
export { openAccount, systemAccount, balancesOf, type SystemCode } from './accounts.ts'
export { checkLedger, ledgerGuards, ledgerInvariants } from './check.ts'
export type { Entry, Line } from './entry.ts'
export { post } from './post.ts'
export { selectStatement as statementOf, type StatementRow } from './sql.ts'
