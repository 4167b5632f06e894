import { lockKycFacts, readKycFacts, type KycFacts } from '../identity/index.ts'
import type { Reader, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { toJson, type Currency } from '../platform/money.ts'
import { hasDocument } from './sql/documents.ts'
import * as q from './sql/usage.ts'

/** How well it is known who somebody is. NONE: not even his phone, and he moves nothing. */
export type Tier = 'NONE' | q.TierName

export type Use = {
  readonly person_id: bigint
  readonly currency: Currency
  /** Minor units, above zero. */
  readonly amount: bigint
  /** What it is for, in the caller's words and unique among all: `deal:TXN-…`. Asked again it counts once. */
  readonly reference: string
  /** When it happens; now unless said otherwise. */
  readonly at?: Date
  /** What the person would hold afterwards, where the tier bounds that. */
  readonly balance_after?: bigint
}

/**
 * Counts what a person moves against the limits of his tier, in the transaction that moves it: the person's row is locked until commit, so
 * that neither another payment nor a decision about his identity comes in between. What does not happen after all is given back with
 * `releaseUsage`. Refuses KYC_LIMIT_REACHED (the limit, what is used, what would raise it), PERSON_NOT_FOUND and PERSON_INACTIVE.
 */
export async function checkLimits(tx: Tx, use: Use): Promise<Tier> {
  if (use.amount <= 0n) throw new Error('an amount above zero is needed')
  const person = await lockKycFacts(tx, use.person_id)
  if (person === undefined) throw new Refusal('PERSON_NOT_FOUND')
  if (!person.is_active) throw new Refusal('PERSON_INACTIVE')
  const now = await tx.now()
  const tier = await tierOf(tx, person, now)
  const before = await q.findUsage(tx, use.reference)
  if (before !== undefined) {
    const { person_id, currency, amount } = before
    if (person_id !== use.person_id || currency !== use.currency || amount !== use.amount)
      throw new Error(`${use.reference} was counted with another person or amount`)
    if (before.released_at === null) return tier
  }
  const at = use.at ?? now
  const limits = tier === 'NONE' ? undefined : await q.tierLimits(tx, tier, use.currency)
  const used = await q.sumUsage(tx, { ...use, at })
  const reached = breachOf(use, limits, used)
  if (reached !== undefined)
    throw limitReached({ ...reached, tier, wanted: use.amount, currency: use.currency })
  await q.putUsage(tx, { ...use, at })
  return tier
}

/** Gives back what was counted for a fact that does not happen. Done twice it stays done; answers whether anything was counted. */
export const releaseUsage = async (tx: Tx, reference: string): Promise<boolean> =>
  (await q.releaseUsage(tx, reference)) === 1

/**
 * T2 while the proof of identity stands, by its dates and not by when a sweep came; T1 with a document on file, unless the file was refused;
 * T0 with a verified phone.
 */
export async function tierOf(db: Reader, person: KycFacts, now: Date): Promise<Tier> {
  if (person.phone_verified_at === null) return 'NONE'
  const { kyc_status, kyc_expires_at } = person
  if (kyc_status === 'VERIFIED' && (kyc_expires_at === null || kyc_expires_at > now)) return 'T2'
  if (kyc_status === 'REJECTED') return 'T0'
  return (await hasDocument(db, person.id)) ? 'T1' : 'T0'
}

type Breach = { readonly limit: LimitName; readonly allowed: bigint; readonly used: bigint }
export type LimitName = 'per_transaction' | 'per_day' | 'per_month' | 'balance'

function breachOf(use: Use, limits: q.TierLimits | undefined, used: q.Used): Breach | undefined {
  if (limits === undefined) return { limit: 'per_transaction', allowed: 0n, used: 0n }
  const { per_transaction, per_day, per_month, balance } = limits
  if (use.amount > per_transaction) return { limit: 'per_transaction', allowed: per_transaction, used: 0n }
  if (used.day + use.amount > per_day) return { limit: 'per_day', allowed: per_day, used: used.day }
  if (used.month + use.amount > per_month) return { limit: 'per_month', allowed: per_month, used: used.month }
  if (balance !== null && use.balance_after !== undefined && use.balance_after > balance)
    return { limit: 'balance', allowed: balance, used: use.balance_after - use.amount }
  return undefined
}

/** What lifts a person to the next tier. */
export const raisedBy = {
  NONE: {
    code: 'VERIFY_PHONE',
    en: 'Verify your phone number to raise it.',
    fr: 'Vérifiez votre numéro de téléphone pour le relever.',
  },
  T0: {
    code: 'SEND_DOCUMENT',
    en: 'Send an identity document to raise it.',
    fr: 'Envoyez une pièce d’identité pour le relever.',
  },
  T1: {
    code: 'VERIFY_IDENTITY',
    en: 'Have your identity verified to raise it.',
    fr: 'Faites vérifier votre identité pour le relever.',
  },
  T2: { code: null, en: 'This is the highest limit.', fr: 'C’est le plafond le plus élevé.' },
} as const satisfies Record<Tier, { readonly code: string | null; readonly en: string; readonly fr: string }>

const limitNames: Readonly<Record<LimitName, { readonly en: string; readonly fr: string }>> = {
  per_transaction: { en: 'in one operation', fr: 'par opération' },
  per_day: { en: 'in 24 hours', fr: 'en 24 heures' },
  per_month: { en: 'in 30 days', fr: 'en 30 jours' },
  balance: { en: 'to be held', fr: 'détenus' },
}

function limitReached(said: Breach & { tier: Tier; wanted: bigint; currency: Currency }): Refusal {
  const { limit, allowed, used, tier, wanted, currency } = said
  const name = limitNames[limit]
  const raise = raisedBy[tier]
  return new Refusal('KYC_LIMIT_REACHED', {
    detail: {
      en: `At most ${allowed} ${currency} ${name.en}; used ${used}, wanted ${wanted}. ${raise.en}`,
      fr: `${allowed} ${currency} au plus ${name.fr} ; utilisé ${used}, demandé ${wanted}. ${raise.fr}`,
    },
    members: {
      tier,
      limit,
      currency,
      allowed: toJson(allowed),
      used: toJson(used),
      wanted: toJson(wanted),
      raised_by: raise.code,
    },
  })
}

export type CurrencyLimits = {
  readonly currency: Currency
  readonly limits: q.TierLimits | undefined
  readonly used: q.Used
}
export type Limits = { readonly tier: Tier; readonly currencies: readonly CurrencyLimits[] }

/** What a person may move, and what he has moved. */
export async function readLimits(tx: Tx, person_id: bigint): Promise<Limits> {
  const person = await readKycFacts(tx, person_id)
  if (person === undefined) throw new Refusal('PERSON_NOT_FOUND')
  const now = await tx.now()
  const tier = await tierOf(tx, person, now)
  const currencies: CurrencyLimits[] = []
  for (const currency of ['XAF', 'XOF'] as const) {
    const limits = tier === 'NONE' ? undefined : await q.tierLimits(tx, tier, currency)
    currencies.push({ currency, limits, used: await q.sumUsage(tx, { person_id, currency, at: now }) })
  }
  return { tier, currencies }
}
