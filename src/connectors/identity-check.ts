/**
 * What a provider that checks identities does for us, whichever it is. It is told that somebody showed a document and a
 * face, and says later what it thinks. Nothing it says decides alone: a callback is a hint, and only what `ask` answers counts.
 */
export type IdentityCheck = {
  /** Its name in our records: `smile-id-v1`, `smile-id-v3`. */
  readonly provider: string
  /**
   * Hands a job over. `CheckJob.job_id` is ours and committed before. Where the answer is `unknown` the provider may have the
   * job: it is asked about, never handed over again under another id.
   */
  readonly submit: (job: CheckJob) => Promise<Submitted>
  /** What became of a job. */
  readonly ask: (job: AskedJob) => Promise<CheckState>
  /**
   * Reads a callback, as its bytes or as the object that they hold, whose signature and age are good; undefined for any other
   * one. It names the job to ask about and proves nothing else.
   */
  readonly readCallback: (body: unknown, headers: CallbackHeaders, now: Date) => CallbackHint | undefined
}

export type CallbackHeaders = Readonly<Record<string, string | string[] | undefined>>

/** The body of a callback may be this long; it holds a picture of the document. */
export const MOST_CALLBACK_BYTES = 1_572_864

export type CallbackHint = {
  /** Ours, as it was handed over. */
  readonly job_id: string
  /**
   * The provider's own id of the job, to ask with where its answer to `submit` was lost. Only `ask` shows whether it belongs to
   * the job: who holds one good signature can write any id beside it.
   */
  readonly provider_job: string | null
}

export type CheckJob = {
  /** Ours, opaque, unique for each submission. */
  readonly job_id: string
  /** The person as the provider may know him: opaque, the same for each of his jobs. */
  readonly user_id: string
  readonly first_name: string
  readonly last_name: string
  /** E.164. */
  readonly phone_number: string
  /** ISO 3166-1 alpha-2 of the document, `CM`. */
  readonly country: string
  /** The provider's word for the kind of document, where the person said it. */
  readonly id_type: string | null
  readonly consent: CheckConsent
  readonly images: readonly CheckImage[]
  /** Where the provider may call back. */
  readonly callback_url: string
}

export type CheckConsent = {
  readonly granted_at: Date
  readonly language: 'fr' | 'en'
  readonly version: string
  readonly policy_url: string
}

export type CheckImage = {
  /** LIVENESS: one of a series taken while the face moved. Some protocols take six to eight, and no job without them. */
  readonly kind: 'SELFIE' | 'ID_FRONT' | 'ID_BACK' | 'LIVENESS'
  readonly type: 'image/jpeg' | 'image/png'
  readonly bytes: Buffer
}

export type AskedJob = {
  readonly job_id: string
  readonly user_id: string
  /** The provider's own id of the job, where it gave one. */
  readonly provider_job: string | null
}

export type Submitted =
  | { readonly kind: 'accepted'; readonly provider_job: string | null }
  /** Nothing was accepted, and the same job will not be. `ours`: it is about our account or settings, not about the person. */
  | { readonly kind: 'refused'; readonly code: string; readonly ours: boolean }
  /** Surely not taken, and may be later: the same job may be handed over again, under the same id. */
  | { readonly kind: 'unsent'; readonly because: string }
  | { readonly kind: 'unknown'; readonly because: string }

export type CheckState =
  | { readonly kind: 'pending' }
  /** The provider does not know the job (yet), or has none of its images. */
  | { readonly kind: 'not_found' }
  | { readonly kind: 'decided'; readonly verdict: CheckVerdict }
  | { readonly kind: 'unknown'; readonly because: string }

/** Why, in our words; each has a sentence in French and English in src/kyc. */
export const checkReasons = [
  'VERIFIED',
  'DOCUMENT_NOT_GENUINE',
  'DOCUMENT_COPY',
  'DOCUMENT_EXPIRED',
  'DOCUMENT_UNSUPPORTED',
  'DOCUMENT_UNREADABLE',
  'FACE_DIFFERENT',
  'FACE_SPOOFED',
  'IMAGE_UNUSABLE',
  'IDENTITY_NOT_FOUND',
  'IDENTITY_HIGH_RISK',
  'UNDERAGE',
  'SERVICE_DOWN',
  'OTHER',
] as const
export type CheckReason = (typeof checkReasons)[number]

export type CheckVerdict = {
  /**
   * CLEAR: the provider is satisfied. REFUSED: it thinks that this is not he, or not a genuine document. RESUBMIT: better images
   * may do. REVIEW: people must look. ERROR: the provider failed, nothing is said about the person.
   */
  readonly outcome: 'CLEAR' | 'REFUSED' | 'RESUBMIT' | 'REVIEW' | 'ERROR'
  /** A provisional verdict is followed by another one. */
  readonly is_final: boolean
  /** The provider's own code, as it stands. */
  readonly code: string
  readonly reason: CheckReason
  readonly provider_job: string | null
  readonly document: {
    readonly full_name: string | null
    readonly id_type: string | null
    readonly id_number: string | null
    /** `2001-12-31`. */
    readonly date_of_birth: string | null
    readonly expires_on: string | null
  }
}
