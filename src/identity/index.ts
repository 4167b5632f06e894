/**
 * Who acts: people who sign in, and the organisations that own payer accounts and batches. It promises that a password, a
 * refresh token or a code cannot be read from the database, that every guess is counted before it is judged, that a session that
 * has ended is refused at the next request, and that a stranger learns from no answer (but that of registration) who has an
 * account. It never sends anything itself, and decides nothing about money.
 */
export {
  ensureOrganization,
  findOrganization,
  findOrganizationByName,
  listOrganizations,
  type Organization,
} from './organization.ts'
export {
  openIdentity,
  type CodeMessage,
  type Identifier,
  type Identity,
  type Limits as IdentityLimits,
  type SendCode,
  type SendInvitation,
} from './identity.ts'
export { type NewsChoice, type NewsPort } from './news.ts'
export {
  kycStates,
  personIn,
  personName,
  personRoles,
  type KycStatus,
  type Person,
  type PersonRole,
} from './person.ts'
export { type Cost as PasswordCost } from './password/hash.ts'
export { attest, createAdministrator, createPerson, type Attested } from './register.ts'
export { forgiveCodes, giveRoles, resetSecondFactor, setActive, type Changer } from './administer.ts'
export { findListed, listPeople, type ListedPerson, type PeopleFilter } from './sql/admin.ts'
export { rotateKeys, type Rotated } from './reseal.ts'
export { erasePerson, exportPerson, type PersonExport } from './privacy.ts'
export { listKycExpired, lockKycFacts, readKycFacts, type KycFacts } from './kyc.ts'
export { findPerson, findPersonByPhone } from './sql/people.ts'
export { beginReset } from './change-password.ts'
export { assertCredentials, authorize, stillMay, type Claimed } from './authorize.ts'
export {
  keyScopes,
  matrix,
  may,
  memberRoles,
  memberRolesAbout,
  type Action,
  type MemberRole,
  type Rule,
} from './matrix.ts'
export {
  listMembers,
  listMemberships,
  listReached,
  putMember,
  type MemberRow,
  type Membership,
  type Reached,
} from './sql/members.ts'
export { createKey, revokeKey, rotateKey, type KeyMaker, type ShownKey } from './api-key/keys.ts'
export { listKeys, type KeyRow } from './sql/api-keys.ts'
export { createOrganization, findNamed, setMember } from './organization/first-members.ts'
export { removeMember } from './organization/members.ts'
export { approvalOver } from './sql/approval-limits.ts'
export { assertStillMay } from './still-may.ts'
export { rotateSigningKey } from './token/keys.ts'
export { cleanThrottles } from './sql/throttles.ts'
export { cleanTickets } from './sql/stream-tickets.ts'
export { identityRoutes } from './routes.ts'
