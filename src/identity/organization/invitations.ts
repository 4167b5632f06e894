import { randomBytes } from 'node:crypto'
import { record } from '../../audit/index.ts'
import type { Db, Tx } from '../../platform/db.ts'
import { Refusal } from '../../platform/errors.ts'
import { newId, sha256 } from '../../platform/ids.ts'
import { parsePhone } from '../../platform/phone.ts'
import type { Identifier, Identity } from '../identity.ts'
import type { MemberRole } from '../matrix.ts'
import { findOrganization } from '../organization.ts'
import { personName, type Person } from '../person.ts'
import { readPerson } from '../register.ts'
import * as q from '../sql/invitations.ts'
import { lockMembers, lockRoles } from '../sql/members.ts'
import { countInvitation, countToken } from '../throttle.ts'
import { applyRoles, movesMoney, rolesNow } from './members.ts'
import { propose } from './proposals.ts'

/** Who invites: a member, in person. */
export type Inviter = {
  readonly organization_id: bigint
  readonly name: string
  readonly person_id: bigint
}

export type NewInvitation = {
  readonly to: Identifier
  readonly roles: readonly MemberRole[]
  readonly language: 'fr' | 'en'
}

/** 144 bits in 24 letters that need no escape. */
const newToken = (): string => randomBytes(18).toString('base64url')

/**
 * Asks somebody to join: the token goes to that phone or mailbox and is kept as a hash only. Refuses PHONE_INVALID, and
 * TOO_MANY_REQUESTS above the organisation's invitations of a day or the messages of that destination.
 */
export async function invite(
  tx: Tx,
  identity: Identity,
  by: Inviter,
  { to, roles, language }: NewInvitation,
): Promise<q.InvitationRow> {
  const { organization_id } = by
  const phone_number = 'phone_number' in to ? parsePhone(to.phone_number).number : null
  const email = 'email' in to ? to.email : null
  await countInvitation(tx, identity, organization_id)
  const organization = await findOrganization(tx, organization_id)
  if (organization === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND')
  const [id, token] = [newId('inv-'), newToken()]
  await q.insertInvitation(tx, {
    id,
    organization_id,
    phone_number,
    email,
    roles,
    language,
    token_hash: sha256(token),
    invited_by: by.name,
    invited_person_id: by.person_id,
    lasts_s: identity.limits.invitation_s,
  })
  await record(tx, {
    actor: by.name,
    action: 'invitation.sent',
    subject: id,
    organization_id,
    detail: { roles, by: phone_number === null ? 'mail' : 'sms' },
  })
  const message = {
    organization: organization.name,
    to: phone_number === null ? { email: email ?? '' } : { phone_number },
    language,
    token,
  }
  await identity.sendInvitation(tx, message)
  return one(await q.listInvitations(tx, organization_id, id))
}

/** Takes an invitation back. Refuses INVITATION_NOT_FOUND, also for one that was accepted or is over. */
export async function revokeInvitation(
  tx: Tx,
  by: Pick<Inviter, 'organization_id' | 'name'>,
  id: string,
): Promise<q.InvitationRow> {
  const { organization_id } = by
  if ((await q.revokeInvitation(tx, organization_id, id, by.name)) === 0)
    throw new Refusal('INVITATION_NOT_FOUND')
  await record(tx, { actor: by.name, action: 'invitation.revoked', subject: id, organization_id })
  return one(await q.listInvitations(tx, organization_id, id))
}

function one<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Refusal('INVITATION_NOT_FOUND')
  return row
}

export type Accepted = {
  readonly organization_id: bigint
  readonly organization: string
  /** What he is there from now on. */
  readonly roles: readonly MemberRole[]
  /** What another member must confirm before it holds. */
  readonly awaiting: readonly MemberRole[]
}

/**
 * Joins the organisation that a token invites to. One answer, INVITATION_INVALID, for a token that is unknown, over, used or
 * somebody else's, and for one whose sender is no treasurer any more. Refuses TOO_MANY_REQUESTS after too many tries.
 */
export async function acceptInvitation(
  db: Db,
  identity: Identity,
  { person_id, token }: { readonly person_id: bigint; readonly token: string },
): Promise<Accepted> {
  const counted = await countToken(db, identity, personName(person_id))
  const accepted = await db.tx(async (tx) => {
    const invitation = await q.lockOpenInvitation(tx, sha256(token))
    const person = await readPerson(tx, person_id)
    if (invitation === undefined || !isFor(invitation, person)) return undefined
    const { organization_id, invited_person_id } = invitation
    if (invited_person_id === person_id) return undefined
    await lockMembers(tx, organization_id)
    const roles_of_sender = await lockRoles(tx, { organization_id, person_id: invited_person_id })
    return roles_of_sender.includes('TRESORIER') ? join(tx, person, invitation) : undefined
  })
  if (accepted === undefined) throw new Refusal('INVITATION_INVALID')
  await counted.succeeded()
  return accepted
}

/** The token shows that he has the phone or the mailbox; the account must be that one’s, and its own phone proven. */
function isFor(invitation: q.OpenInvitation, person: Person): boolean {
  if (person.phone_verified_at === null) return false
  return invitation.phone_number === null
    ? person.email?.toLowerCase() === invitation.email?.toLowerCase()
    : person.phone_number === invitation.phone_number
}

/** What moves no money holds at once; the rest waits for another member. */
async function join(tx: Tx, person: Person, invitation: q.OpenInvitation): Promise<Accepted> {
  const { organization_id, organization } = invitation
  const who = { organization_id, person_id: person.id }
  const name = personName(person.id)
  await q.markAccepted(tx, invitation.id, person.id)
  await record(tx, { actor: name, action: 'invitation.accepted', subject: invitation.id, organization_id })
  const before = await rolesNow(tx, who)
  const had = before ?? []
  const plain = invitation.roles.filter((role) => !movesMoney(role) && !had.includes(role))
  const awaiting = invitation.roles.filter((role) => movesMoney(role) && !had.includes(role))
  const roles = [...had, ...plain]
  if (plain.length > 0) await applyRoles(tx, name, who, { before: before && [...before], after: roles })
  if (awaiting.length > 0)
    await propose(
      tx,
      { name: invitation.invited_by, person_id: invitation.invited_person_id },
      {
        organization_id,
        kind: 'MEMBER_ROLES',
        change: { before: roles.length === 0 ? null : roles, after: [...roles, ...awaiting] },
        subject_person_id: person.id,
      },
    )
  return { organization_id, organization, roles, awaiting }
}
