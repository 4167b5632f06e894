/** How a payee or a payer is named: the party types that the bulk files and the rails share. */
export const partyTypes = [
  'MSISDN',
  'EMAIL',
  'PERSONAL_ID',
  'BUSINESS',
  'DEVICE',
  'ACCOUNT_ID',
  'IBAN',
  'ALIAS',
] as const
export type PartyType = (typeof partyTypes)[number]
