/** One message to one number. */
export type Sms = {
  /** E.164, with the plus. */
  readonly to: string
  readonly text: string
}

/**
 * What came of one try to send. `because` and `code` are short words of ours or codes of the provider's: never its
 * sentences, which may repeat the number or the text.
 */
export type SmsAnswer =
  /** The provider took it. `provider_id` names it in receipts; absent where the provider forgot to say. */
  | { readonly kind: 'accepted'; readonly provider_id?: string }
  /** Definite: this message to this number will never be taken. */
  | { readonly kind: 'refused'; readonly because: string }
  /**
   * Surely not taken, and may be later. `about_us`: the reason is our account (credentials, balance, sender), so that
   * nothing else leaves either and somebody must act.
   */
  | { readonly kind: 'unsent'; readonly because: string; readonly about_us: boolean }
  /** The provider may have taken it: a repetition may reach the person twice. */
  | { readonly kind: 'unknown'; readonly because: string }

/** What a provider says later about a message that it took. Hints: they come twice, late, in the wrong order. */
export type SmsReceipt = {
  readonly provider_id: string
  readonly status: 'DELIVERED' | 'ON_ITS_WAY' | 'NOT_DELIVERED'
  /** The provider's own word. */
  readonly said: string
}

/** One way to send SMS. Implementations hold no database; they never throw for what a provider does. */
export type SmsProvider = {
  readonly name: string
  readonly send: (sms: Sms) => Promise<SmsAnswer>
  /** Reads the body of the provider's callback; undefined when it is no receipt. */
  readonly parseReceipt: (body: Buffer) => SmsReceipt | undefined
  readonly close: () => Promise<void>
}
