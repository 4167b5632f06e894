import { organizations } from './organizations.ts'
import type { RefusalText } from './text.ts'

/** What people, sign-in and organisations refuse. */
export const people = {
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
  OTP_REQUIRED: {
    status: 401,
    en: 'Give the code of your app as well (otp)',
    fr: 'Donnez aussi le code de votre application (otp)',
  },
  SECOND_FACTOR_REQUIRED: {
    status: 403,
    en: 'Set up a second factor first, at /api/auth/second-factor/setup',
    fr: 'Mettez d’abord un second facteur en place, par /api/auth/second-factor/setup',
  },
  STEP_UP_REQUIRED: {
    status: 403,
    en: 'Show the code of your app again, at /api/auth/step-up',
    fr: 'Redonnez le code de votre application, par /api/auth/step-up',
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
  PERSON_NOT_FOUND: { status: 404, en: 'No such person', fr: 'Personne introuvable' },
  NOTIFICATION_NOT_FOUND: { status: 404, en: 'No such notification', fr: 'Notification introuvable' },
  ROLE_CHANGE_NOT_FOUND: {
    status: 404,
    en: 'No such change of roles waits for a decision',
    fr: 'Aucun changement de rôles de ce numéro n’attend une décision',
  },
  ROLE_CHANGE_STALE: {
    status: 409,
    en: 'The roles, or who proposed this, have changed since; propose it again',
    fr: 'Les rôles, ou la personne qui l’a proposé, ont changé depuis ; proposez à nouveau',
  },
  SECOND_PERSON_NEEDED: {
    status: 403,
    en: 'Another administrator must confirm this: neither who proposed it nor whom it is about',
    fr: 'Un autre administrateur doit le confirmer : ni qui l’a proposé, ni la personne concernée',
  },
  NOT_ONESELF: {
    status: 403,
    en: 'Nobody disables himself or takes his own role away; ask another administrator',
    fr: 'Personne ne se désactive ni ne se retire un rôle ; demandez à un autre administrateur',
  },
  LAST_ADMIN: {
    status: 409,
    en: 'This is the last active administrator',
    fr: 'C’est le dernier administrateur actif',
  },
  SESSION_NOT_FOUND: { status: 404, en: 'No such session', fr: 'Session introuvable' },
  ...organizations,
} as const satisfies Record<string, RefusalText>
