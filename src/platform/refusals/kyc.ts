import type { RefusalText } from './text.ts'

/** What documents, checks of identity, limits and privacy refuse. */
export const kyc = {
  DOCUMENT_MISSING: {
    status: 400,
    en: 'Send a JPEG, PNG or PDF in the field “file”',
    fr: 'Envoyez un fichier JPEG, PNG ou PDF dans le champ « file »',
  },
  DOCUMENT_TOO_LARGE: { status: 413, en: 'The document is too large', fr: 'Le document est trop volumineux' },
  DOCUMENT_TYPE_UNSUPPORTED: {
    status: 415,
    en: 'Only JPEG, PNG and PDF are accepted',
    fr: 'Seuls JPEG, PNG et PDF sont acceptés',
  },
  DOCUMENT_UNREADABLE: {
    status: 400,
    en: 'The document is cut short or damaged',
    fr: 'Le document est incomplet ou abîmé',
  },
  DOCUMENT_UNSAFE: {
    status: 400,
    en: 'The document holds more than a picture or a page',
    fr: 'Le document contient autre chose qu’une image ou une page',
  },
  DOCUMENT_NOT_FOUND: { status: 404, en: 'No such document', fr: 'Document introuvable' },
  PERSON_INACTIVE: { status: 403, en: 'This account is blocked', fr: 'Ce compte est bloqué' },
  KYC_IN_PROGRESS: {
    status: 409,
    en: 'The file is being checked; wait for the answer',
    fr: 'Le dossier est en cours d’examen ; attendez la réponse',
  },
  KYC_VERIFIED_ALREADY: {
    status: 409,
    en: 'The identity is verified already',
    fr: 'L’identité est déjà vérifiée',
  },
  KYC_CONSENT_OUTDATED: {
    status: 409,
    en: 'This is not the text of today',
    fr: 'Ce n’est pas le texte actuel',
  },
  KYC_DOCUMENTS_MISSING: {
    status: 409,
    en: 'There is no identity document to decide on',
    fr: 'Il n’y a pas de pièce d’identité sur laquelle se prononcer',
  },
  KYC_OWN_FILE: {
    status: 409,
    en: 'Nobody decides about himself',
    fr: 'Nul ne se prononce sur lui-même',
  },
  KYC_SAME_PERSON: {
    status: 409,
    en: 'Another administrator must confirm',
    fr: 'Un autre administrateur doit confirmer',
  },
  KYC_CALLBACK_REFUSED: {
    status: 403,
    en: 'This callback is not the provider’s, or is too old',
    fr: 'Cette notification n’est pas du prestataire, ou est trop ancienne',
  },
  KYC_LIMIT_REACHED: {
    status: 409,
    en: 'This is above what the person may move',
    fr: 'Ce montant dépasse ce que la personne peut transférer',
  },
  LEGAL_HOLD: {
    status: 409,
    en: 'A legal hold forbids to erase anything',
    fr: 'Une conservation légale interdit tout effacement',
  },
  LEGAL_HOLD_STANDS: {
    status: 409,
    en: 'A legal hold stands already',
    fr: 'Une conservation légale est déjà en place',
  },
  LEGAL_HOLD_NOT_FOUND: {
    status: 404,
    en: 'No legal hold stands',
    fr: 'Aucune conservation légale en place',
  },
  RETENTION_REQUIRED: {
    status: 409,
    en: 'The law wants these documents kept for longer',
    fr: 'La loi impose de conserver ces documents plus longtemps',
  },
  ERASURE_REQUESTED_ALREADY: {
    status: 409,
    en: 'The erasure was asked for already',
    fr: 'L’effacement a déjà été demandé',
  },
  ERASURE_NOT_FOUND: { status: 404, en: 'No such request', fr: 'Demande introuvable' },
} as const satisfies Record<string, RefusalText>
