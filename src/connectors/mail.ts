/** One mail to one person, in plain text. */
export type Mail = {
  readonly to: string
  readonly subject: string
  readonly text: string
  /** The same at every try: a mailbox may know a repetition by it. Letters, digits and `-`. */
  readonly id: string
}

/** What came of one try to send. `because` is a word of ours or a reply code, never a server's sentence. */
export type MailAnswer =
  /** The server took it over. */
  | { readonly kind: 'accepted' }
  /** Definite: this mail to this address will never be taken. */
  | { readonly kind: 'refused'; readonly because: string }
  /** Surely not taken, and may be later. `about_us`: credentials, sender, no secure connection: somebody must act. */
  | { readonly kind: 'unsent'; readonly because: string; readonly about_us: boolean }
  /** The server may have taken it. */
  | { readonly kind: 'unknown'; readonly because: string }

/** One way to send mail. Implementations hold no database; they never throw for what a server does. */
export type MailSender = {
  readonly name: string
  readonly send: (mail: Mail) => Promise<MailAnswer>
}
