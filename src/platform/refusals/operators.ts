import type { RefusalText } from './text.ts'

/** What the tools of who runs Cauri refuse. */
export const operators = {
  ORGANIZATION_NOT_FOUND: { status: 404, en: 'No such organisation', fr: 'Organisation introuvable' },
  CONNECTION_NOT_FOUND: { status: 404, en: 'No such rail connection', fr: 'Connexion introuvable' },
  JOB_NOT_FOUND: { status: 404, en: 'No such dead job', fr: 'Tâche morte introuvable' },
  INTEGRITY_VIOLATED: {
    status: 409,
    en: 'An invariant does not hold; payouts stay paused',
    fr: 'Un invariant n’est pas respecté ; les paiements restent suspendus',
  },
  INTEGRITY_CHECK_RUNNING: {
    status: 409,
    en: 'A check is running already',
    fr: 'Une vérification est déjà en cours',
  },
  AUDIT_EVENT_NOT_FOUND: {
    status: 404,
    en: 'No such act in the trail, or it is not sealed yet',
    fr: 'Aucun acte de ce numéro dans la piste, ou il n’est pas encore scellé',
  },
  CHECKPOINT_NOT_FOUND: {
    status: 404,
    en: 'The trail has no such checkpoint',
    fr: 'La piste n’a pas ce point de contrôle',
  },
  SQL_NOT_READ_ONLY: {
    status: 400,
    en: 'Only one statement that reads is accepted',
    fr: 'Une seule instruction, qui lit, est acceptée',
  },
} as const satisfies Record<string, RefusalText>
