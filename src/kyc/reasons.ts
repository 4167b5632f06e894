import type { CheckReason } from '../connectors/identity-check.ts'

/** Why a status is as it is: what the provider found, or what happened here. */
export type KycReason = Exclude<CheckReason, 'VERIFIED'> | 'REJECTED_BY_PEOPLE' | 'EXPIRED'

type Words = { readonly fr: string; readonly en: string }

/** One short sentence for each, which also fits into an SMS; it says what the person can do. */
export const kycReasons: Readonly<Record<KycReason, Words>> = {
  DOCUMENT_NOT_GENUINE: {
    en: 'The document could not be recognised as genuine.',
    fr: 'La pièce n’a pas été reconnue comme authentique.',
  },
  DOCUMENT_COPY: {
    en: 'Show the document itself, not a copy or a screen.',
    fr: 'Présentez la pièce elle-même, pas une copie.',
  },
  DOCUMENT_EXPIRED: {
    en: 'The document has expired: send a valid one.',
    fr: 'La pièce a expiré : envoyez une pièce valable.',
  },
  DOCUMENT_UNSUPPORTED: {
    en: 'This kind of document is not accepted.',
    fr: 'Ce type de pièce n’est pas accepté.',
  },
  DOCUMENT_UNREADABLE: {
    en: 'The document cannot be read: take a sharper photo.',
    fr: 'La pièce est illisible : prenez une photo plus nette.',
  },
  FACE_DIFFERENT: {
    en: 'The selfie does not look like the photo on the document.',
    fr: 'Le selfie ne ressemble pas à la photo de la pièce.',
  },
  FACE_SPOOFED: {
    en: 'The selfie must be taken of yourself, live.',
    fr: 'Le selfie doit être pris en direct, par vous.',
  },
  IMAGE_UNUSABLE: {
    en: 'A photo is blurred or dark: take it again.',
    fr: 'Une photo est floue ou sombre : reprenez-la.',
  },
  IDENTITY_NOT_FOUND: {
    en: 'The identity was not found in the registers.',
    fr: 'L’identité n’a pas été trouvée dans les registres.',
  },
  IDENTITY_HIGH_RISK: {
    en: 'The identity could not be accepted.',
    fr: 'L’identité n’a pas pu être acceptée.',
  },
  UNDERAGE: { en: 'You must be of age.', fr: 'Il faut être majeur.' },
  SERVICE_DOWN: {
    en: 'The check could not be made: people will look.',
    fr: 'La vérification n’a pas pu se faire : nous examinons.',
  },
  OTHER: { en: 'People are looking at the file.', fr: 'Le dossier est examiné par notre équipe.' },
  REJECTED_BY_PEOPLE: {
    en: 'The file was refused by our team.',
    fr: 'Le dossier a été refusé par notre équipe.',
  },
  EXPIRED: {
    en: 'The proof of identity has expired: send new documents.',
    fr: 'La preuve d’identité a expiré : envoyez vos pièces.',
  },
}

export const isKycReason = (text: string): text is KycReason => Object.hasOwn(kycReasons, text)
