/**
 * Who a person is, and what he may move for it: documents, checks by a provider, decisions by people, tiers and limits, and what the
 * law wants kept or erased. It promises that a document lies only encrypted, that whoever reads one is in the trail, that no callback
 * decides anything, that nobody decides about himself, and that limits hold however many ask at once. It never moves money, and never
 * shows a document inside a page.
 */
export { openKyc, KYC_RULES, type Kyc, type KycOptions, type KycRules } from './kyc.ts'
export { kycRoutes } from './routes.ts'
export { CALLBACK_PATH, type CallbackDeps } from './routes/callback.ts'
export { pursueCheck, sweepChecks } from './pursue.ts'
export type { CheckRules, PursueDeps } from './look.ts'
export { checkLimits, readLimits, releaseUsage, type Tier, type Use } from './limits.ts'
export { keepDocuments } from './keep-house.ts'
export { rotateKeys, type Rotated } from './rotate-keys.ts'
export { expireProofs } from './expire.ts'
export type { KycNews, KycOutboxKind } from './news.ts'
export { kycReasons, type KycReason } from './reasons.ts'
