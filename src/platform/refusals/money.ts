import type { RefusalText } from './text.ts'

/** What accounts, lists, batches and their reviews refuse. */
export const money = {
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
  // decisions of two people
  BULK_MAKER: {
    status: 409,
    en: 'You prepared this batch: another person must approve it',
    fr: 'Vous avez préparé ce lot : une autre personne doit l’approuver',
  },
  BULK_NOT_AWAITING: {
    status: 409,
    en: 'This batch does not await approval',
    fr: 'Ce lot n’attend pas d’accord',
  },
  LIST_HASH_DIFFERS: {
    status: 409,
    en: 'This is not the list that was read; read it again',
    fr: 'Ce n’est pas la liste qui a été lue ; relisez-la',
  },
  TOP_UP_NOT_FOUND: { status: 404, en: 'No such top-up', fr: 'Approvisionnement introuvable' },
  TOP_UP_DECIDED: {
    status: 409,
    en: 'This top-up was decided already',
    fr: 'Cet approvisionnement est déjà décidé',
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
} as const satisfies Record<string, RefusalText>
