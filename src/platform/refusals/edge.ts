import type { RefusalText } from './text.ts'

/** What the edge of HTTP refuses, whatever the route. */
export const edge = {
  BAD_REQUEST: { status: 400, en: 'The request cannot be understood', fr: 'La requête est incompréhensible' },
  VALIDATION_FAILED: {
    status: 400,
    en: 'Some fields are not valid',
    fr: 'Certains champs ne sont pas valides',
  },
  AUTHENTICATION_REQUIRED: { status: 401, en: 'Sign in first', fr: 'Connectez-vous d’abord' },
  NOT_ALLOWED: {
    status: 403,
    en: 'Your role does not allow this',
    fr: 'Votre rôle ne le permet pas',
  },
  ORGANIZATION_REQUIRED: {
    status: 400,
    en: 'Say for which of your organisations, in the header Cauri-Organization',
    fr: 'Indiquez pour laquelle de vos organisations, dans l’en-tête Cauri-Organization',
  },
  CROSS_SITE: {
    status: 403,
    en: 'This came from a page of another site',
    fr: 'Ceci vient d’une page d’un autre site',
  },
  HOST_NOT_ALLOWED: { status: 403, en: 'This host name is not served', fr: 'Ce nom d’hôte n’est pas servi' },
  NOT_FOUND: { status: 404, en: 'There is nothing here', fr: 'Il n’y a rien ici' },
  METHOD_NOT_ALLOWED: { status: 405, en: 'This method is not possible here', fr: 'Méthode impossible ici' },
  WAIT_TIMED_OUT: { status: 408, en: 'Not finished yet', fr: 'Pas encore terminé' },
  REQUEST_TOO_SLOW: {
    status: 408,
    en: 'The request came too slowly',
    fr: 'La requête est arrivée trop lentement',
  },
  TOO_LARGE: { status: 413, en: 'Too large', fr: 'Trop volumineux' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    en: 'This kind of content is not accepted',
    fr: 'Type de contenu refusé',
  },
  TOO_MANY_REQUESTS: { status: 429, en: 'Too many requests', fr: 'Trop de requêtes' },
  TOO_MANY_STREAMS: {
    status: 429,
    en: 'You have too many event streams open; close one',
    fr: 'Vous avez trop de flux d’événements ouverts ; fermez-en un',
  },
  IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    en: 'The Idempotency-Key is not valid',
    fr: 'Idempotency-Key non valide',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    en: 'This Idempotency-Key was used for another request',
    fr: 'Cette Idempotency-Key a servi à une autre requête',
  },
  IDEMPOTENCY_IN_PROGRESS: {
    status: 409,
    en: 'The same request is still running',
    fr: 'La même requête est encore en cours',
  },
  INTERNAL: { status: 500, en: 'Something broke on our side', fr: 'Une erreur est survenue de notre côté' },
  OUTCOME_UNKNOWN: {
    status: 503,
    en: 'The outcome is not known yet; ask again',
    fr: 'Résultat encore inconnu ; redemandez',
  },
  UNAVAILABLE: { status: 503, en: 'Not able to serve right now', fr: 'Service momentanément indisponible' },
} as const satisfies Record<string, RefusalText>
