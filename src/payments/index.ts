/**
 * Payer accounts and the one engine that pays every outgoing franc. It promises that an order is paid at most once,
 * that an outcome which is not known is never called failed, and that money is settled from the rows that changed. It
 * never talks to a rail inside a transaction, and never knows why something is paid: a purpose's handler does.
 */
export {
  accountStatement,
  createAccount,
  findAccount,
  listAccounts,
  topUp,
  type NewAccount,
  type PayerAccount,
} from './account.ts'
export {
  approveBatch,
  cancelBatch,
  copyFailedLines,
  findUsedTransferIds,
  isTransferIdTaken,
  lockPayer,
  nextBatchId,
  pauseBatch,
  reserve,
  writeLines,
  type NewLine,
} from './batch.ts'
export { openBackendListener, type BackendListener, type BackendOptions } from './backend-listener.ts'
export type { Connection, ConnectionSettings } from './engine/connection.ts'
export type { Driver } from './engine/driver.ts'
export type { News, PurposeHandler } from './engine/settle.ts'
export { confirmFeeQuestion, listFeeQuestions, proposeFeeQuestion, type FeeQuestion } from './fee-question.ts'
export { readFigures, type Figures } from './figures.ts'
export { attemptsOf, hint, hintLine } from './line.ts'
export {
  confirmReview,
  countReviews,
  evidenceOf,
  listReviews,
  proposeReview,
  type ReviewRow,
} from './review.ts'
export { openDriver } from './production.ts'
export { accountRoutes } from './routes.ts'
export { paymentsGuards, paymentsInvariants } from './check.ts'
export {
  ensureConnection,
  holdConnections,
  listConnections,
  resumeConnection,
  type ConnectionRow,
} from './sql/drive.ts'
