import { accessTo, type Access } from '../platform/http/access.ts'
import { isPrivileged, type PersonRole } from './person.ts'

/** What somebody may be in an organisation. One member may be several of them. */
export const memberRoles = ['GESTIONNAIRE', 'APPROBATEUR', 'TRESORIER', 'SUPERVISEUR', 'DEVELOPPEUR'] as const
export type MemberRole = (typeof memberRoles)[number]

/** What each is there for. */
export const memberRolesAbout = {
  GESTIONNAIRE: 'makes batches and settles what failed in them',
  APPROBATEUR: 'approves what others made',
  TRESORIER: 'funds, sets limits, starts and stops, invites',
  SUPERVISEUR: 'reads everything, changes nothing',
  DEVELOPPEUR: 'keys and callbacks',
} as const satisfies Record<MemberRole, string>

/**
 * A row of the matrix. `person`: only what is his own. `system`: the whole installation. `organization`: only what belongs to the
 * organisation that he acts for; `key`: an API key that has this action among its scopes may too; `demo`: so may the sandbox's
 * own machine without credentials.
 */
export type Rule = { readonly about: string } & (
  | { readonly of: 'open' }
  | { readonly of: 'person'; readonly roles: readonly PersonRole[]; readonly step_up?: true }
  | { readonly of: 'system'; readonly roles: readonly PersonRole[]; readonly step_up?: true }
  | {
      readonly of: 'organization'
      readonly roles: readonly MemberRole[]
      readonly key: boolean
      readonly demo: boolean
      readonly step_up?: true
    }
)

const everybody = ['BUYER', 'SELLER', 'ARBITRE', 'ADMIN'] as const satisfies readonly PersonRole[]
const own = { of: 'person', roles: everybody } as const
const admin = { of: 'system', roles: ['ADMIN'] } as const
const readers = ['GESTIONNAIRE', 'APPROBATEUR', 'TRESORIER', 'SUPERVISEUR'] as const
const reading = { of: 'organization', roles: readers, key: true, demo: true } as const

/** Who may do what: the one table. The routes, the reference and the test that walks every cell are made of it. */
export const matrix = {
  // anybody
  'auth.sign_in': { of: 'open', about: 'register, sign in, renew a sign-in, reset a password' },
  'auth.keys': { of: 'open', about: 'read the public keys of access tokens' },
  // himself
  'session.manage': { ...own, about: 'read and end his own sign-ins' },
  'session.ticket': { ...own, about: 'get a ticket for one event stream' },
  'profile.read': { ...own, about: 'read his own profile' },
  'profile.write': { ...own, about: 'change his own profile and what he wants to hear of' },
  'phone.verify': { ...own, about: 'prove his phone' },
  'password.change': { ...own, about: 'change his own password' },
  'second_factor.manage': { ...own, about: 'set up and remove his own second factor, and show it again' },
  'notifications.read': { ...own, about: 'read his own notifications' },
  'invitation.accept': { ...own, about: 'accept an invitation to an organisation' },
  // the proof of his identity, and his data
  'kyc.callback': { of: 'open', about: 'tell of a check’s end, signed by the provider, as a hint' },
  'kyc.documents.write': { ...own, about: 'send the documents that prove who he is' },
  'kyc.documents.read': { ...own, about: 'read his own documents; an administrator reads everybody’s' },
  'kyc.status.read': { ...own, about: 'read where the proof of his identity stands, and his limits' },
  'kyc.consent': { ...own, about: 'read what he agrees to, and agree' },
  'privacy.export': { ...own, about: 'get a copy of his own data' },
  'privacy.erase.request': { ...own, about: 'ask to be forgotten' },
  'organizations.list': { ...own, about: 'list his organisations; an administrator: all' },
  // an organisation's money
  'bulk.read': { ...reading, about: 'read batches, their lines and results, and follow them' },
  'bulk.create': {
    of: 'organization',
    roles: ['GESTIONNAIRE'],
    key: true,
    demo: true,
    about: 'check a list, make a batch of it',
  },
  'bulk.control': {
    of: 'organization',
    roles: ['GESTIONNAIRE', 'TRESORIER'],
    key: true,
    demo: true,
    about: 'cancel, pause and resume a batch',
  },
  'bulk.retry': {
    of: 'organization',
    roles: ['GESTIONNAIRE'],
    key: true,
    demo: true,
    about: 'pay the failed lines of a batch again',
  },
  'bulk.approve': {
    of: 'organization',
    roles: ['APPROBATEUR'],
    key: false,
    demo: false,
    step_up: true,
    about: 'approve or reject a batch that somebody else made',
  },
  'accounts.read': { ...reading, about: 'read payer accounts and their statements' },
  'accounts.top_up': {
    of: 'organization',
    roles: ['TRESORIER'],
    key: true,
    demo: true,
    about: 'book money that arrived; in production propose it',
  },
  'accounts.confirm_top_up': {
    of: 'organization',
    roles: ['TRESORIER', 'APPROBATEUR'],
    key: false,
    demo: false,
    step_up: true,
    about: 'confirm or reject a top-up that somebody else proposed',
  },
  'transfers.notify': {
    of: 'organization',
    roles: [],
    key: true,
    demo: true,
    about: 'tell of a transfer’s end, as a hint',
  },
  // an organisation itself
  'organization.read': {
    of: 'organization',
    roles: memberRoles,
    key: false,
    demo: false,
    about: 'read the organisation, its members and settings',
  },
  'organization.settings': {
    of: 'organization',
    roles: ['TRESORIER'],
    key: false,
    demo: false,
    step_up: true,
    about: 'propose the organisation’s settings, such as the amount above which a batch needs approval',
  },
  'members.manage': {
    of: 'organization',
    roles: ['TRESORIER'],
    key: false,
    demo: false,
    step_up: true,
    about: 'invite members, change their roles, remove them',
  },
  'members.confirm': {
    of: 'organization',
    roles: ['TRESORIER', 'APPROBATEUR'],
    key: false,
    demo: false,
    step_up: true,
    about: 'confirm what another member proposed: roles that approve or fund, settings',
  },
  'keys.read': {
    of: 'organization',
    roles: ['DEVELOPPEUR', 'TRESORIER', 'SUPERVISEUR'],
    key: false,
    demo: false,
    about: 'list API keys: never their secret',
  },
  'keys.manage': {
    of: 'organization',
    roles: ['DEVELOPPEUR'],
    key: false,
    demo: false,
    step_up: true,
    about: 'make, rotate and revoke API keys and service accounts',
  },
  // the whole installation
  'organizations.manage': {
    ...admin,
    step_up: true,
    about: 'make organisations, give them their first members',
  },
  'people.read': { ...admin, about: 'list people and read statistics about them' },
  'people.manage': { ...admin, step_up: true, about: 'make people, change their roles, disable them' },
  'kyc.review': { ...admin, about: 'read the files that wait, and decide about the identity of others' },
  'kyc.hold': { ...admin, about: 'forbid for a reason of law that anything of a person is erased' },
  'privacy.erase.decide': { ...admin, about: 'decide about requests to be forgotten' },
  'audit.read': { ...admin, about: 'read and export the audit trail' },
  'settings.read': { ...admin, about: 'read how this installation is set up, without secrets' },
  'integrity.read': { ...admin, about: 'read what the last check of the invariants found' },
  'integrity.check': { ...admin, about: 'check every invariant now' },
} as const satisfies Record<string, Rule>

export type Action = keyof typeof matrix

/** Whether the action wants a second factor that was shown a few minutes ago. */
export const wantsStepUp = (rule: Rule): boolean => 'step_up' in rule && rule.step_up === true

/** Whether it wants one to be set up, in production: so do all that only administrators and arbiters may. */
export const wantsSecondFactor = (rule: Rule): boolean =>
  wantsStepUp(rule) || ((rule.of === 'system' || rule.of === 'person') && rule.roles.every(isPrivileged))

const rules: Readonly<Record<Action, Rule>> = matrix
const rows = new Map<string, Access>(
  Object.entries(rules).map(([action, rule]) => [
    action,
    accessTo(action, rule.of, { step_up: wantsStepUp(rule), second_factor: wantsSecondFactor(rule) }),
  ]),
)

/** The row of an action, for the routes that do it. */
export function may(action: Action): Access {
  const access = rows.get(action)
  if (access === undefined) throw new Error(`no row for ${action}`)
  return access
}

export const ruleOf = (action: string): Rule | undefined =>
  Object.hasOwn(matrix, action) ? rules[action as Action] : undefined

/** What these roles allow, in that name. */
export const actionsOf = (
  of: Exclude<Rule['of'], 'open'>,
  roles: readonly (PersonRole | MemberRole)[],
): readonly Action[] =>
  (Object.keys(matrix) as Action[]).filter((action) => {
    const rule = rules[action]
    return rule.of === of && rule.roles.some((role) => roles.includes(role))
  })

/** What an API key may be given. */
export const keyScopes: readonly Action[] = (Object.keys(matrix) as Action[]).filter((action) => {
  const rule = rules[action]
  return rule.of === 'organization' && rule.key
})
