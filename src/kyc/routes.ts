import type { Route } from '../platform/http/route.ts'
import type { Kyc } from './kyc.ts'
import { callbackRoutes, type CallbackDeps } from './routes/callback.ts'
import { adminRoutes } from './routes/admin.ts'
import { consentRoutes } from './routes/consent.ts'
import { documentRoutes } from './routes/documents.ts'

/** Everything about the proof of identities. */
export const kycRoutes = (kyc: Kyc, callback: CallbackDeps): readonly Route[] => [
  ...documentRoutes(kyc),
  ...consentRoutes(kyc),
  ...adminRoutes(kyc),
  ...callbackRoutes(callback),
]
