/** The faults of the simulated mail server, and the step where each acts. */
export const mailFaults = {
  /** 421 in place of the greeting. */
  server_busy: 'greeting',
  /** 535: the credentials are refused. */
  auth_refused: 'auth',
  /** 450: come back later. */
  greylisted: 'recipient',
  /** 550: no such mailbox. */
  mailbox_unknown: 'recipient',
  /** 451 after the text: not taken. */
  data_busy: 'data',
  /** 554 after the text: not taken, for good. */
  data_refused: 'data',
  /** The connection is cut after the text, which was not taken, or was. */
  init_lost_request: 'data',
  init_lost_response: 'data',
  /** Not taken, and never answered. */
  silence: 'data',
} as const
export type MailFault = keyof typeof mailFaults
export type MailStep = (typeof mailFaults)[MailFault]

export const isMailFault = (kind: string): kind is MailFault => Object.hasOwn(mailFaults, kind)
