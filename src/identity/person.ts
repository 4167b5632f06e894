import type { Language } from '../platform/http/language.ts'

/** What a person may be. One person may buy and sell; the other two are given by an administrator only. */
export const personRoles = ['BUYER', 'SELLER', 'ARBITRE', 'ADMIN'] as const
export type PersonRole = (typeof personRoles)[number]

/** The roles that somebody may take for himself. */
export const openRoles = ['BUYER', 'SELLER'] as const satisfies readonly PersonRole[]

/** The two that are given by two people, and protected by a second factor. */
export const isPrivileged = (role: PersonRole): boolean => role === 'ADMIN' || role === 'ARBITRE'

export const sameRoles = (one: readonly PersonRole[], other: readonly PersonRole[]): boolean =>
  one.toSorted().join(' ') === other.toSorted().join(' ')

export const kycStates = ['PENDING', 'SUBMITTED', 'UNDER_REVIEW', 'VERIFIED', 'REJECTED', 'EXPIRED'] as const
export type KycStatus = (typeof kycStates)[number]

/** What a person may change of himself. */
export type Profile = {
  readonly email: string | null
  readonly first_name: string
  readonly last_name: string
  readonly preferred_language: Language
  /** `2001-12-31`. */
  readonly date_of_birth: string | null
  readonly address_street: string | null
  readonly address_city: string | null
  readonly address_region: string | null
  readonly address_postal_code: string | null
  /** ISO 3166-1, two letters. */
  readonly address_country: string | null
}

export type Person = Profile & {
  readonly id: bigint
  /** E.164. */
  readonly phone_number: string
  readonly roles: readonly PersonRole[]
  readonly phone_verified_at: Date | null
  readonly kyc_status: KycStatus
  readonly is_active: boolean
  readonly created_at: Date
}

/** A person as the audit trail names actors and subjects: a number, never a name or a phone. */
export const personName = (id: bigint): string => `person:${id}`

/** Whom such a name means; undefined where it is somebody else's. */
export function personIn(name: string): bigint | undefined {
  const [, digits] = /^person:(\d{1,18})$/.exec(name) ?? []
  return digits === undefined ? undefined : BigInt(digits)
}
