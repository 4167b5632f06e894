/**
 * The invariants: what must be true of everything that is stored, at every moment. It promises that all of them are
 * looked at in one snapshot, so that money on its way is no breach; that each check is kept; and that a breach that
 * may concern money pauses every payout until an operator has mended it and a new check agrees. It repairs nothing.
 */
export { checkAll, lookAtAll, type Look } from './look.ts'
export { invariantsOf } from './list.ts'
export { resumeConnection, runCheck, type Report } from './run.ts'
export { integrityRoutes } from './routes.ts'
export { readIntegrity, type IntegrityFigures } from './sql.ts'
