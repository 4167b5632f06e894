import { record } from '../../audit/index.ts'
import { post, systemAccount } from '../../ledger/index.ts'
import * as batches from './batches.ts'
import * as drive from './drive.ts'
import * as engine from './engine.ts'
import { confirmAnswer, insertFeeQuestion, proposeAnswer } from './fees.ts'
import * as reviews from './reviews.ts'

const { lockBatch, cancelUnclaimed, cancelRetries, closeCursor, setPaused, setApproved } = batches
const { lockReview, selectReviews, upsertProposal, confirmProposal } = reviews
const { hintPursuit, selectByReference } = reviews

/**
 * Every statement by which payments move, the ledger's and the audit's included: what the engine and the acts of
 * people need of a store. Each one's meaning is told where it is defined.
 */
export const sqlStore = {
  takeLease: drive.takeLease,
  renewLease: drive.renewLease,
  releaseLease: drive.releaseLease,
  lockDriving: drive.lockDriving,
  setMode: drive.setMode,
  stopConnection: drive.stopConnection,
  resumeConnection: drive.resumeConnection,
  glance: drive.glance,
  claim: drive.claim,
  selectOrders: drive.selectOrders,
  lockOrphans: drive.lockOrphans,
  selectOrphanLines: drive.selectOrphanLines,
  adoptPursuits: drive.adoptPursuits,
  selectInterrupted: drive.selectInterrupted,
  insertRanges: drive.insertRanges,
  splitRange: drive.splitRange,
  pausedAmong: drive.pausedAmong,
  takeDue: drive.takeDue,
  reschedule: drive.reschedule,
  setReference: drive.setReference,
  returnToRetry: drive.returnToRetry,
  giveBack: drive.giveBack,
  settleLines: engine.settleLines,
  selectBatchInfo: engine.selectBatchInfo,
  upsertPursuits: engine.upsertPursuits,
  deletePursuits: engine.deletePursuits,
  insertEvidence: engine.insertEvidence,
  notifyProgress: engine.notifyProgress,
  finishRanges: engine.finishRanges,
  currentToken: engine.currentToken,
  markPaidLate: engine.markPaidLate,
  selectOpenAttempt: engine.selectOpenAttempt,
  insertFeeQuestion,
  proposeAnswer,
  confirmAnswer,
  lockReview,
  selectReviews,
  upsertProposal,
  confirmProposal,
  hintPursuit,
  selectByReference,
  lockBatch,
  cancelUnclaimed,
  cancelRetries,
  closeCursor,
  setPaused,
  setApproved,
  post,
  systemAccount,
  record,
}

export type PaymentStore = typeof sqlStore
