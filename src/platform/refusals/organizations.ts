import type { RefusalText } from './text.ts'

/** What members, invitations, keys and decisions of two people refuse. */
export const organizations = {
  ORGANIZATION_EXISTS: {
    status: 409,
    en: 'There is an organisation of this name already',
    fr: 'Une organisation porte déjà ce nom',
  },
  MEMBER_NOT_FOUND: { status: 404, en: 'No such member', fr: 'Membre introuvable' },
  MEMBER_HIMSELF: {
    status: 409,
    en: 'Nobody changes his own roles',
    fr: 'Personne ne change ses propres rôles',
  },
  LAST_TREASURER: {
    status: 409,
    en: 'The last treasurer (TRESORIER) stays: give the role to another member first',
    fr: 'Le dernier trésorier (TRESORIER) reste : donnez d’abord ce rôle à un autre membre',
  },
  PROPOSAL_NOT_FOUND: { status: 404, en: 'No such proposal', fr: 'Proposition introuvable' },
  PROPOSAL_DECIDED: {
    status: 409,
    en: 'This was decided already',
    fr: 'Cela est déjà décidé',
  },
  PROPOSAL_OUTDATED: {
    status: 409,
    en: 'Things have changed since this was proposed; propose it again',
    fr: 'La situation a changé depuis cette proposition ; proposez à nouveau',
  },
  ANOTHER_PERSON_REQUIRED: {
    status: 409,
    en: 'Another person must decide this',
    fr: 'Une autre personne doit en décider',
  },
  INVITATION_NOT_FOUND: { status: 404, en: 'No such invitation', fr: 'Invitation introuvable' },
  INVITATION_INVALID: {
    status: 400,
    en: 'This invitation is not for you, or no longer valid',
    fr: 'Cette invitation n’est pas pour vous, ou n’est plus valable',
  },
  KEY_NOT_FOUND: { status: 404, en: 'No such API key', fr: 'Clé d’API introuvable' },
  KEY_EXPIRY_PAST: {
    status: 400,
    en: 'A key cannot expire before it is made',
    fr: 'Une clé ne peut expirer avant d’être créée',
  },
  SERVICE_ACCOUNT_NOT_FOUND: {
    status: 404,
    en: 'No such service account',
    fr: 'Compte de service introuvable',
  },
  SERVICE_ACCOUNT_CLOSED: {
    status: 409,
    en: 'This service account is closed',
    fr: 'Ce compte de service est fermé',
  },
} as const satisfies Record<string, RefusalText>
