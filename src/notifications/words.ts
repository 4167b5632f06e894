import { lengthOf, toGsm7 } from './gsm7.ts'
import type { Kind, Language, News } from './kinds.ts'

/** One message in one language: the SMS, and what the application shows. */
export type Words = { readonly sms: string; readonly title: string; readonly text: string }

type Template<K extends Kind> = (news: News[K]) => Words
type Templates = { readonly [K in Kind]: Readonly<Record<Language, Template<K>>> }

/** Without a plural of zero in French: «0 paiement», «2 paiements». */
const count = (n: number, one: string, many: string, language: Language): string =>
  `${n} ${n === 1 || (n === 0 && language === 'fr') ? one : many}`

const code =
  (
    sms: (code: string, minutes: number) => string,
    title: string,
  ): ((news: News['phone_code' | 'password_reset']) => Words) =>
  (news) => ({ sms: sms(news.code, news.minutes), title, text: '' })

const templates: Templates = {
  phone_code: {
    fr: code(
      (secret, minutes) =>
        `Cauri : votre code est ${secret}, valable ${minutes} min. Ne le donnez à personne, même à un agent.`,
      'Votre code',
    ),
    en: code(
      (secret, minutes) =>
        `Cauri: your code is ${secret}, valid for ${minutes} min. Give it to nobody, not even to an agent.`,
      'Your code',
    ),
  },
  password_reset: {
    fr: code(
      (secret, minutes) =>
        `Cauri : code ${secret} pour changer votre mot de passe (${minutes} min). Rien demandé ? Ne faites rien.`,
      'Nouveau mot de passe',
    ),
    en: code(
      (secret, minutes) =>
        `Cauri: code ${secret} to change your password (${minutes} min). You did not ask? Do nothing.`,
      'New password',
    ),
  },
  invitation: {
    fr: ({ organization, link }) => ({
      sms: `Cauri : ${nameOf(organization)} vous invite. Acceptez ici : ${link}`,
      title: 'Invitation',
      text: '',
    }),
    en: ({ organization, link }) => ({
      sms: `Cauri: ${nameOf(organization)} invites you. Accept here: ${link}`,
      title: 'Invitation',
      text: '',
    }),
  },
  batch_finished: {
    fr: (batch) => finished(batch, 'fr'),
    en: (batch) => finished(batch, 'en'),
  },
  review_needed: {
    fr: ({ organization, waiting }) => {
      const lines = count(waiting, 'paiement', 'paiements', 'fr')
      const text = `${nameOf(organization)} : ${lines} à examiner. Rien n’est repayé avant votre décision.`
      return { sms: `Cauri : ${text}`, title: 'Paiements à examiner', text }
    },
    en: ({ organization, waiting }) => {
      const lines = count(waiting, 'payment', 'payments', 'en')
      const text = `${nameOf(organization)}: ${lines} to review. Nothing is paid again before you decide.`
      return { sms: `Cauri: ${text}`, title: 'Payments to review', text }
    },
  },
  approval_needed: {
    fr: ({ organization, total, amount, currency }) => {
      const payments = count(total, 'paiement', 'paiements', 'fr')
      const text = `${nameOf(organization)} : un lot de ${payments}, ${amount} ${currency}, attend votre accord.`
      return { sms: `Cauri : ${text}`, title: 'Lot à approuver', text }
    },
    en: ({ organization, total, amount, currency }) => {
      const payments = count(total, 'payment', 'payments', 'en')
      const text = `${nameOf(organization)}: a batch of ${payments}, ${amount} ${currency}, awaits your approval.`
      return { sms: `Cauri: ${text}`, title: 'Batch to approve', text }
    },
  },
  kyc_verified: {
    fr: () => identity('Identité vérifiée', 'votre identité est vérifiée.', 'fr'),
    en: () => identity('Identity verified', 'your identity is verified.', 'en'),
  },
  kyc_rejected: {
    fr: ({ reason }) => identity('Identité refusée', `vérification refusée. ${brief(reason)}`, 'fr'),
    en: ({ reason }) => identity('Identity refused', `verification refused. ${brief(reason)}`, 'en'),
  },
  kyc_resubmit: {
    fr: ({ reason }) =>
      identity('Pièces à renvoyer', `renvoyez vos pièces d’identité. ${brief(reason)}`, 'fr'),
    en: ({ reason }) =>
      identity('Documents needed again', `send your documents again. ${brief(reason)}`, 'en'),
  },
  kyc_expired: {
    fr: () =>
      identity('Identité expirée', 'votre vérification a expiré. Envoyez vos pièces à nouveau.', 'fr'),
    en: () => identity('Identity expired', 'your verification has expired. Send your documents again.', 'en'),
  },
}

function identity(title: string, said: string, language: Language): Words {
  const sentence = said.trim()
  const text = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`
  return { sms: language === 'fr' ? `Cauri : ${sentence}` : `Cauri: ${sentence}`, title, text }
}

const LONGEST_REASON = 90

/** A sentence of ours, short enough for one segment whatever it is. */
function brief(reason: string | null): string {
  const plain = toGsm7(reason ?? '')
    .replaceAll(/[\s^{}\\[\]~|€]+/g, ' ')
    .trim()
  return plain.length <= LONGEST_REASON ? plain : `${plain.slice(0, LONGEST_REASON - 3).trimEnd()}...`
}

function finished(batch: News['batch_finished'], language: Language): Words {
  const { bulk_id, total, completed, failed, cancelled } = batch
  const french = language === 'fr'
  const others = [
    ...(failed > 0 ? [french ? count(failed, 'échec', 'échecs', 'fr') : `${failed} failed`] : []),
    ...(cancelled > 0
      ? [french ? count(cancelled, 'annulé', 'annulés', 'fr') : `${cancelled} cancelled`]
      : []),
  ]
  const paid = french ? `${completed} sur ${total} payés` : `${completed} of ${total} paid`
  const outcome = [paid, ...others].join(', ')
  return french
    ? {
        sms: `Cauri : lot ${bulk_id} terminé. ${outcome}.`,
        title: 'Lot terminé',
        text: `${bulk_id} : ${outcome}.`,
      }
    : {
        sms: `Cauri: batch ${bulk_id} finished. ${outcome}.`,
        title: 'Batch finished',
        text: `${bulk_id}: ${outcome}.`,
      }
}

const LONGEST_NAME = 30

/**
 * A name that somebody chose, as part of our sentence: on one line, short, and never a link (an organisation called
 * «Gagnez sur loto.example» would make us its messenger).
 */
export function nameOf(name: string): string {
  const plain = toGsm7(name)
    // Those of the extension table too: a name of thirty letters is then thirty septets.
    .replaceAll(/[\s/\\:@^{}[\]~|€]+|\.(?=\S)/g, ' ')
    .replaceAll(/ +/g, ' ')
    .trim()
  if (plain === '') return '?'
  return plain.length <= LONGEST_NAME ? plain : `${plain.slice(0, LONGEST_NAME - 3).trimEnd()}...`
}

/** The words of a piece of news in a language; the SMS in the alphabet of SMS with what it costs, the mail with its accents. */
export function wordsOf<K extends Kind>(
  kind: K,
  language: Language,
  news: News[K],
): Words & { readonly segments: number; readonly mail: string } {
  const words = templates[kind][language](news)
  const sms = toGsm7(words.sms)
  return { ...words, sms, segments: lengthOf(sms).segments, mail: words.sms }
}
