/**
 * The append-only trail: who did what to which subject, written in the transaction of the act itself, so that an act
 * without its line cannot exist. It never holds phone numbers or names of payees, nor secrets. What is committed is
 * sealed within a second or so into a Merkle log with signed checkpoints, so that whoever kept one can tell whether
 * anything before it was changed, taken out, put in or put elsewhere. It repairs nothing.
 */
export { countActsToday, historyOf, record, type Act, type Event } from './record.ts'
export { isSecretName, redact, type Json } from './redact.ts'
export { auditFrozen, auditGuards, auditInvariants } from './check.ts'
export { canonical, type EventRow } from './canonical.ts'
export { openSigningKey, readSigningKey, signingKeyPath } from './key.ts'
export {
  isSignedBy,
  keyFromSeed,
  readCheckpoint,
  readVerifier,
  signCheckpoint,
  verifierOf,
  type Checkpoint,
  type SignedCheckpoint,
  type Verifier,
} from './note.ts'
export { BrokenTrail, openSealer, originOf, seal, verifiersOf, type SealDeps, type Sealer } from './seal.ts'
export { selectNewest as newestCheckpoint, type CheckpointRow } from './sql.ts'
export { proveConsistency, proveInclusion, type ConsistencyProof, type InclusionProof } from './proof.ts'
export { verifyConsistency, verifyInclusion } from './tree.ts'
export { verifyTrail, type Fault, type FaultKind, type TrailReport } from './verify.ts'
export { auditRoutes, type AuditRouteOptions } from './routes.ts'
export { exportTrail, type Exported } from './export.ts'
