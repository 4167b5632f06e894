import type { Route } from '../platform/http/route.ts'
import type { Identity } from './identity.ts'
import { passwordRoutes } from './routes/password.ts'
import { personRoutes } from './routes/person.ts'
import { secondFactorRoutes } from './routes/second-factor.ts'
import { signInRoutes } from './routes/sign-in.ts'

/** Everything under /api/auth, and the public keys. */
export const identityRoutes = (identity: Identity): readonly Route[] => [
  ...signInRoutes(identity),
  ...passwordRoutes(identity),
  ...personRoutes(identity),
  ...secondFactorRoutes(identity),
]
