export const languages = ['fr', 'en'] as const
export type Language = (typeof languages)[number]

/** What each kind of message tells, as its words need it. */
export type News = {
  readonly phone_code: { readonly code: string; readonly minutes: number }
  readonly password_reset: { readonly code: string; readonly minutes: number }
  readonly invitation: { readonly organization: string; readonly link: string }
  readonly batch_finished: {
    readonly bulk_id: string
    readonly total: number
    readonly completed: number
    readonly failed: number
    readonly cancelled: number
  }
  readonly review_needed: { readonly organization: string; readonly waiting: number }
  readonly kyc_verified: Readonly<Record<never, never>>
  /** `reason`: a sentence of ours in the person's language, or none. */
  readonly kyc_rejected: { readonly reason: string | null }
  readonly kyc_resubmit: { readonly reason: string | null }
  readonly kyc_expired: Readonly<Record<never, never>>
  readonly approval_needed: {
    readonly organization: string
    readonly total: number
    readonly amount: number
    readonly currency: string
  }
}
export type Kind = keyof News

/** The kinds that a person may switch off, and sees after signing in. */
export const newsKinds = [
  'batch_finished',
  'review_needed',
  'approval_needed',
  'kyc_verified',
  'kyc_rejected',
  'kyc_resubmit',
  'kyc_expired',
] as const satisfies readonly Kind[]
export type NewsKind = (typeof newsKinds)[number]

type Rule = {
  /**
   * security: somebody waits for it; it cannot be switched off, is refused above the limits, and is never kept in the
   * application. news: it can be switched off, and above the limits only the application tells it.
   */
  readonly sort: 'security' | 'news'
  /** How long it is worth sending, seconds: a code that is over must not arrive. */
  readonly lives_s: number
}

export const kinds: Readonly<Record<Kind, Rule>> = {
  phone_code: { sort: 'security', lives_s: 600 },
  password_reset: { sort: 'security', lives_s: 600 },
  invitation: { sort: 'security', lives_s: 86_400 },
  batch_finished: { sort: 'news', lives_s: 86_400 },
  review_needed: { sort: 'news', lives_s: 86_400 },
  kyc_verified: { sort: 'news', lives_s: 86_400 },
  kyc_rejected: { sort: 'news', lives_s: 86_400 },
  kyc_resubmit: { sort: 'news', lives_s: 86_400 },
  kyc_expired: { sort: 'news', lives_s: 86_400 },
  approval_needed: { sort: 'news', lives_s: 86_400 },
}

export const isNews = (kind: Kind): kind is NewsKind => kinds[kind].sort === 'news'
