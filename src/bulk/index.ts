/**
 * Bulk transfers: a CSV file becomes a batch whose money is reserved, whose lines are paid one by one, and whose
 * progress streams live. It promises that a file is accepted whole or not at all, and that the words of a state are
 * computed from what happened to the lines. It never calls a rail and never moves money by itself: payments does.
 */
export { bulkGuards, bulkInvariants } from './check.ts'
export type { BulkDeps, Progress } from './deps.ts'
export { sweepSpool } from './file/spool.ts'
export { onSettled, type Announce } from './news.ts'
export { bulkRoutes } from './routes.ts'
export { readManyProgress, readProgress } from './routes/live.ts'
export { findBulk, findLine } from './sql.ts'
