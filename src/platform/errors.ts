/**
 * Every refusal that Cauri can give: its HTTP status, and its title in English and French. This is the one table;
 * `docs/reference/errors.md` is generated from it. A detail sentence may follow the title, with the offending values.
 */
export const refusals = {
  // requests
  BAD_REQUEST: { status: 400, en: 'The request cannot be understood', fr: 'La requête est incompréhensible' },
  VALIDATION_FAILED: {
    status: 400,
    en: 'Some fields are not valid',
    fr: 'Certains champs ne sont pas valides',
  },
  AUTHENTICATION_REQUIRED: { status: 401, en: 'Sign in first', fr: 'Connectez-vous d’abord' },
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
  // ledger
  LEDGER_INSUFFICIENT_FUNDS: { status: 409, en: 'Insufficient funds', fr: 'Solde insuffisant' },
  LEDGER_REASON_REUSED: {
    status: 409,
    en: 'This fact was already recorded with other amounts',
    fr: 'Ce fait est déjà inscrit avec d’autres montants',
  },
  LEDGER_ACCOUNT_UNKNOWN: {
    status: 404,
    en: 'No such ledger account',
    fr: 'Compte du grand livre introuvable',
  },
  // payer accounts
  PAYER_ACCOUNT_NOT_FOUND: { status: 404, en: 'Payer account not found', fr: 'Compte payeur introuvable' },
  PAYER_ACCOUNT_REQUIRED: {
    status: 400,
    en: 'Say which payer account pays',
    fr: 'Indiquez le compte payeur',
  },
  ACCOUNT_EXISTS: { status: 409, en: 'This account exists already', fr: 'Ce compte existe déjà' },
  TOP_UP_REFERENCE_REUSED: {
    status: 409,
    en: 'This top-up reference was used with another amount',
    fr: 'Cette référence d’approvisionnement a servi à un autre montant',
  },
  CURRENCY_UNSUPPORTED: { status: 400, en: 'This currency is not handled', fr: 'Devise non prise en charge' },
  AMOUNT_INVALID: { status: 400, en: 'The amount is not valid', fr: 'Montant non valide' },
  // phone numbers
  PHONE_INVALID: {
    status: 400,
    en: 'This is not a possible phone number',
    fr: 'Ce n’est pas un numéro de téléphone possible',
  },
  PROVIDER_REQUIRED: {
    status: 400,
    en: 'Say which mobile money provider it is',
    fr: 'Indiquez l’opérateur de mobile money',
  },
  // bulk files
  FILE_MISSING: {
    status: 400,
    en: 'Send a CSV file in the field “file”',
    fr: 'Envoyez un fichier CSV dans le champ « file »',
  },
  FILE_EMPTY: { status: 400, en: 'The file is empty', fr: 'Le fichier est vide' },
  FILE_NOT_CSV: {
    status: 400,
    en: 'The file is not a readable CSV',
    fr: 'Le fichier n’est pas un CSV lisible',
  },
  FILE_HEADER_MISSING: {
    status: 400,
    en: 'The file has no header row',
    fr: 'Le fichier n’a pas de ligne d’en-tête',
  },
  FILE_HEADER_UNKNOWN: { status: 400, en: 'The header row is not one that we know', fr: 'En-tête inconnu' },
  FILE_HAS_NO_ROWS: {
    status: 400,
    en: 'The file has no data row',
    fr: 'Le fichier n’a aucune ligne de données',
  },
  FILE_ROWS_INVALID: {
    status: 400,
    en: 'Some rows are not valid; nothing was accepted',
    fr: 'Des lignes ne sont pas valides ; rien n’a été accepté',
  },
  FILE_TOO_LARGE: { status: 413, en: 'The file is too large', fr: 'Le fichier est trop volumineux' },
  FILE_DUPLICATES: {
    status: 409,
    en: 'Some transferId were already used',
    fr: 'Des transferId ont déjà servi',
  },
  CURRENCY_NOT_OF_ACCOUNT: {
    status: 400,
    en: 'The file’s currency is not the account’s',
    fr: 'La devise du fichier n’est pas celle du compte',
  },
  INSUFFICIENT_FUNDS: { status: 409, en: 'Insufficient funds', fr: 'Solde insuffisant' },
  SAME_LIST: { status: 409, en: 'The same list was already sent', fr: 'La même liste a déjà été envoyée' },
  CALLBACK_URL_INVALID: {
    status: 400,
    en: 'The callback_url cannot be used',
    fr: 'callback_url inutilisable',
  },
  // bulk batches
  BULK_NOT_FOUND: { status: 404, en: 'No such bulk transfer', fr: 'Transfert groupé introuvable' },
  TRANSFER_NOT_FOUND: { status: 404, en: 'No such transfer', fr: 'Transfert introuvable' },
  BULK_WRONG_STATE: { status: 409, en: 'Not possible in this state', fr: 'Impossible dans cet état' },
  BULK_NOTHING_TO_CANCEL: { status: 409, en: 'Nothing is left to cancel', fr: 'Il ne reste rien à annuler' },
  BULK_NOTHING_TO_RETRY: {
    status: 409,
    en: 'No failed line to retry',
    fr: 'Aucune ligne en échec à reprendre',
  },
  BULK_ALREADY_RETRIED: {
    status: 409,
    en: 'These lines are already being paid again',
    fr: 'Ces lignes sont déjà reprises',
  },
  BULK_LINES_UNCERTAIN: {
    status: 409,
    en: 'Some lines are still uncertain',
    fr: 'Des lignes sont encore incertaines',
  },
  // reviews
  REVIEW_NOT_FOUND: { status: 404, en: 'No such review item', fr: 'Élément à examiner introuvable' },
  REVIEW_WRONG_STATE: {
    status: 409,
    en: 'This review is not at that step',
    fr: 'L’examen n’en est pas à cette étape',
  },
  REVIEW_SAME_PERSON: {
    status: 409,
    en: 'Another person must confirm',
    fr: 'Une autre personne doit confirmer',
  },
  // people
  CREDENTIALS_INVALID: {
    status: 401,
    en: 'This number or e-mail and this password do not belong together',
    fr: 'Ce numéro ou cet e-mail et ce mot de passe ne vont pas ensemble',
  },
  PHONE_TAKEN: {
    status: 409,
    en: 'This phone number has an account already',
    fr: 'Ce numéro de téléphone a déjà un compte',
  },
  EMAIL_TAKEN: {
    status: 409,
    en: 'This e-mail address is in use',
    fr: 'Cette adresse e-mail est déjà utilisée',
  },
  PASSWORD_TOO_COMMON: {
    status: 400,
    en: 'This password is among the first that guessers try',
    fr: 'Ce mot de passe est parmi les premiers que l’on devine',
  },
  PASSWORD_CONFIRMATION_DIFFERS: {
    status: 400,
    en: 'The two passwords are not the same',
    fr: 'Les deux mots de passe ne sont pas identiques',
  },
  PASSWORD_WRONG: {
    status: 403,
    en: 'The current password is not right',
    fr: 'Le mot de passe actuel n’est pas le bon',
  },
  CODE_INVALID: {
    status: 400,
    en: 'This code is not right, or no longer valid',
    fr: 'Ce code n’est pas le bon, ou n’est plus valable',
  },
  CODE_LOCKED: {
    status: 403,
    en: 'Too many wrong codes; ask for help',
    fr: 'Trop de codes faux ; demandez de l’aide',
  },
  PHONE_VERIFIED_ALREADY: {
    status: 409,
    en: 'This phone number is already verified',
    fr: 'Ce numéro de téléphone est déjà vérifié',
  },
  SECOND_FACTOR_REQUIRED: {
    status: 401,
    en: 'Give the code of your app as well (otp)',
    fr: 'Donnez aussi le code de votre application (otp)',
  },
  SECOND_FACTOR_INVALID: {
    status: 403,
    en: 'This code of the app is not right, or was used',
    fr: 'Ce code de l’application n’est pas le bon, ou a déjà servi',
  },
  SECOND_FACTOR_EXISTS: {
    status: 409,
    en: 'There is a second factor already; remove it first',
    fr: 'Il y a déjà un second facteur ; retirez-le d’abord',
  },
  DATE_OF_BIRTH_INVALID: {
    status: 400,
    en: 'This is not a date of birth',
    fr: 'Ce n’est pas une date de naissance',
  },
  SESSION_NOT_FOUND: { status: 404, en: 'No such session', fr: 'Session introuvable' },
  // operators
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
  SQL_NOT_READ_ONLY: {
    status: 400,
    en: 'Only one statement that reads is accepted',
    fr: 'Une seule instruction, qui lit, est acceptée',
  },
} as const satisfies Record<string, { readonly status: number; readonly en: string; readonly fr: string }>

export type RefusalCode = keyof typeof refusals

/** One fault among several: where it is (a JSON pointer, or a line and column of a file) and what is wrong. */
export type Fault = {
  readonly pointer: string
  readonly detail: string
  readonly line?: number
  readonly column?: string
  readonly code?: string
}

export type RefusalDetail = {
  /** A sentence in each language, for the `detail` of the problem document. */
  readonly detail?: { readonly en: string; readonly fr: string }
  readonly errors?: readonly Fault[]
  /** Extension members of the problem document (RFC 9457 §3.2), such as `available` and `needed`. */
  readonly members?: Readonly<Record<string, unknown>>
  /** Seconds for the `Retry-After` header. */
  readonly retry_after_s?: number
}

/** The caller asked for something that we decline. Throwing it rolls the transaction back. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly more: RefusalDetail
  constructor(code: RefusalCode, more: RefusalDetail = {}) {
    super(more.detail?.en ?? refusals[code].en)
    this.name = 'Refusal'
    this.code = code
    this.more = more
  }
}

/** For the `default` of a switch over a closed set: a new member becomes a compile error here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
