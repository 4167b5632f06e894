import { record } from '../audit/index.ts'
import { personName } from '../identity/index.ts'
import type { Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import type { Language } from '../platform/http/language.ts'
import { sha256 } from '../platform/ids.ts'
import * as q from './sql/consents.ts'

export type ConsentText = { readonly version: string; readonly language: Language; readonly text: string }

/**
 * What people agree to, version by version; the last one counts. A text that somebody has agreed to never changes, not by a comma: its
 * sha256 stands beside each consent. To say something else, append a version.
 */
const versions: readonly { readonly version: string; readonly fr: string; readonly en: string }[] = [
  {
    version: '2026-11-29',
    fr: [
      'Pour vérifier qui vous êtes, nous demandons la photo de votre pièce d’identité et votre selfie.',
      'Nous les transmettons à notre prestataire de vérification d’identité, avec votre nom et votre numéro de téléphone ; il compare votre visage à la photo de la pièce et nous dit ce qu’il en pense. Ces images sont des données biométriques.',
      'Nous gardons vos documents chiffrés. La loi nous oblige à garder dix ans ceux d’une personne vérifiée ; les autres sont effacés au bout d’un an. Chaque accès est inscrit.',
      'Vous pouvez demander à tout moment une copie de vos données ou leur effacement. Sans votre accord, vos documents ne sont transmis à personne et vos plafonds restent ceux d’une personne non vérifiée.',
    ].join('\n\n'),
    en: [
      'To verify who you are, we ask for a photo of your identity document and a selfie of you.',
      'We pass them to our provider of identity checks, with your name and your phone number; it compares your face with the photo on the document and tells us what it thinks. These images are biometric data.',
      'We keep your documents encrypted. The law obliges us to keep those of a verified person for ten years; the others are erased after one year. Each access is recorded.',
      'You may ask at any time for a copy of your data, or for their erasure. Without your consent your documents are passed to nobody, and your limits stay those of a person who is not verified.',
    ].join('\n\n'),
  },
]

/** The text that counts now, in a language. */
export function currentConsent(language: Language): ConsentText {
  const newest = versions.at(-1)
  if (newest === undefined) throw new Error('there is no consent text')
  return { version: newest.version, language, text: newest[language] }
}

export const consentHash = ({ text }: ConsentText): Buffer => sha256(text)

/** The consent of the version that counts, if the person gave it. */
export const findCurrentConsent = (tx: Tx, person_id: bigint): Promise<q.ConsentRow | undefined> =>
  q.findConsent(tx, person_id, currentConsent('fr').version)

/** Writes that the person agrees. Done twice it stays done. Refuses KYC_CONSENT_OUTDATED for another version than today's. */
export async function grantConsent(
  tx: Tx,
  person_id: bigint,
  given: { readonly version: string; readonly language: Language },
): Promise<q.ConsentRow> {
  const text = currentConsent(given.language)
  if (given.version !== text.version)
    throw new Refusal('KYC_CONSENT_OUTDATED', { members: { version: text.version } })
  const before = await q.findConsent(tx, person_id, text.version)
  if (before !== undefined) return before
  const row = await q.insertConsent(tx, { person_id, ...text, text_sha256: consentHash(text) })
  const name = personName(person_id)
  const detail = { version: text.version, language: text.language }
  await record(tx, { actor: name, action: 'kyc.consent.granted', subject: name, detail })
  return row
}
