import type { Route } from '../platform/http/route.ts'
import type { Identity } from './identity.ts'
import { adminRoutes } from './routes/admin.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { invitationRoutes } from './routes/invitations.ts'
import { memberRoutes } from './routes/members.ts'
import { organizationRoutes } from './routes/organizations.ts'
import { passwordRoutes } from './routes/password.ts'
import { personRoutes } from './routes/person.ts'
import { profileRoutes } from './routes/profile.ts'
import { proposalRoutes } from './routes/proposals.ts'
import { secondFactorRoutes } from './routes/second-factor.ts'
import { sessionRoutes } from './routes/session.ts'
import { signInRoutes } from './routes/sign-in.ts'

/** Everything under /api/auth, the public keys, organisations and what belongs to them. */
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
  ...apiKeyRoutes(identity),
  ...organizationRoutes,
  ...memberRoutes,
  ...invitationRoutes(identity),
  ...proposalRoutes,
]
