import type { Route } from '../platform/http/route.ts'
import type { Kyc } from './kyc.ts'
import { callbackRoutes, type CallbackDeps } from './routes/callback.ts'
import { adminRoutes } from './routes/admin.ts'
import { consentRoutes } from './routes/consent.ts'
import { documentRoutes } from './routes/documents.ts'
import { limitRoutes } from './routes/limits.ts'
import { privacyRoutes } from './routes/privacy.ts'

/** Everything about the proof of identities. */
export const kycRoutes = (kyc: Kyc, callback: CallbackDeps): readonly Route[] => [
  ...documentRoutes(kyc),
  ...consentRoutes(kyc),
  ...limitRoutes,
  ...privacyRoutes(kyc),
  ...adminRoutes(kyc),
  ...callbackRoutes(callback),
]
