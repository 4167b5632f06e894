import type { Order, Party } from '../rail.ts'

/** The identifier as the rail writes it: an MSISDN is digits alone. */
export const wireIdentifier = (party: Party): string =>
  party.type === 'MSISDN' ? party.identifier.replace(/^\+/, '') : party.identifier

const MAX_NAME = 128
const MAX_NOTE = 128

/** The body of POST /transfers. With `transfer_id` the adapter is told our id. */
export function transferRequest(order: Order, transfer_id: string | undefined): object {
  return {
    ...(transfer_id === undefined ? {} : { transferId: transfer_id }),
    homeTransactionId: order.home_reference,
    from: { type: 'BUSINESS', ...transferParty(order.payer) },
    to: transferParty(order.payee),
    amountType: 'SEND',
    currency: order.currency,
    amount: order.amount.toString(),
    transactionType: 'TRANSFER',
    ...note(order),
  }
}

/** A body that no adapter can take for an order (its amount is no number), with our transferId: it shows its rules. */
export const probeRequest = (transfer_id: string): object => ({
  transferId: transfer_id,
  homeTransactionId: 'probe',
  from: { type: 'BUSINESS', idType: 'MSISDN', idValue: '0' },
  to: { idType: 'MSISDN', idValue: '0' },
  amountType: 'SEND',
  currency: 'XOF',
  amount: 'probe',
  transactionType: 'TRANSFER',
})

function transferParty(party: Party): object {
  return { idType: party.type, idValue: wireIdentifier(party), ...names(party.name) }
}

/** Names that every version of the adapter takes as they are: most of them. */
const PLAIN = /^[\w.,'-]+(?: [\w.,'-]+)*$/

/** The last name that was not plain: a batch has one payer. */
let last: { readonly name: string; readonly names: object } = { name: '', names: {} }

function names(name: string | undefined): object {
  if (name === undefined) return {}
  if (name.length <= MAX_NAME && PLAIN.test(name)) return { displayName: name }
  if (last.name !== name) last = { name, names: spelled(name) }
  return last.names
}

/**
 * `displayName` takes ASCII only, so accents go; the name as it is written goes into `firstName` and `lastName`, which
 * take letters of every script.
 */
function spelled(name: string): object {
  const written = name
    .replace(/[^\p{L}\p{M}\p{Nd} .,'’-]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  if (written === '') return {}
  const ascii = asciiName(written)
  const display = ascii === '' ? {} : { displayName: ascii }
  if (ascii === written) return display
  const words = written.replace(/’/g, "'").split(' ')
  const family = words.length > 1 ? words.pop() : undefined
  const first = cut(words.join(' '), MAX_NAME)
  return {
    ...display,
    firstName: first,
    ...(family === undefined ? {} : { lastName: cut(family, MAX_NAME) }),
  }
}

const LIGATURES: Readonly<Record<string, string>> = {
  œ: 'oe',
  Œ: 'Oe',
  æ: 'ae',
  Æ: 'Ae',
  ß: 'ss',
  ɛ: 'e',
  Ɛ: 'E',
  ɔ: 'o',
  Ɔ: 'O',
  ŋ: 'ng',
  Ŋ: 'Ng',
  ɖ: 'd',
  Ɖ: 'D',
  ɓ: 'b',
  Ɓ: 'B',
  ɗ: 'd',
  Ɗ: 'D',
  '’': "'",
}

/** Letters without their marks (é → e, ɔ → o), in the adapter's pattern `[\w .,'-]{1,128}`; '' when nothing is left. */
export function asciiName(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\w .,'-]/gu, (sign) => LIGATURES[sign] ?? ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_NAME)
    .trim()
}

/** The first `most` characters (code points, as the adapter counts them). */
const cut = (text: string, most: number): string =>
  text.length <= most ? text : Array.from(text).slice(0, most).join('')

export const note = (order: Order): object => {
  const words = order.note?.trim()
  return words ? { note: cut(words, MAX_NOTE) } : {}
}

/** A party as the FSPIOP API writes it (POST /quotes): `fspId` names who holds the account. */
export const fspiopParty = (party: Party, fsp_id: string): object => {
  const name = party.name === undefined ? '' : asciiName(party.name)
  return {
    partyIdInfo: { partyIdType: party.type, partyIdentifier: wireIdentifier(party), fspId: fsp_id },
    ...(name === '' ? {} : { name }),
  }
}
