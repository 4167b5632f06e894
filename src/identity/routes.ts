import type { Route } from '../platform/http/route.ts'
import type { Identity } from './identity.ts'
import { adminRoutes } from './routes/admin.ts'
import { passwordRoutes } from './routes/password.ts'
import { personRoutes } from './routes/person.ts'
import { profileRoutes } from './routes/profile.ts'
import { secondFactorRoutes } from './routes/second-factor.ts'
import { sessionRoutes } from './routes/session.ts'
import { signInRoutes } from './routes/sign-in.ts'

/** Everything under /api/auth, and the public keys. */
export const identityRoutes = (
  identity: Identity,
  page_origins: () => readonly string[],
): readonly Route[] => [
  ...signInRoutes(identity),
  ...passwordRoutes(identity),
  ...profileRoutes(identity),
  ...personRoutes(identity),
  ...secondFactorRoutes(identity),
  ...sessionRoutes(identity, page_origins),
  ...adminRoutes(identity),
]
