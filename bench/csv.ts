/** Numbers of eight digits after the country's code, of which none is magic to the simulators (…000 and a code). */
const PER_BLOCK = 999_000
const FIRST_BLOCK = 10
const BLOCKS = 90

/** The i-th payee's number, the same for ever; all differ up to 79 million. */
export function payeeOf(i: number): string {
  const block = FIRST_BLOCK + Math.floor(i / PER_BLOCK)
  if (block >= BLOCKS) throw new Error(`no payee has the number ${i}`)
  return `228${block * 1_000_000 + 1_000 + (i % PER_BLOCK)}`
}

export type List = {
  /** Makes the transfer ids differ from every other list's. */
  readonly tag: string
  readonly rows: number
  /** Francs per row. */
  readonly amount: number
  /** The first payee: the same rows to other payees are another list. */
  readonly from: number
}

const transferId = ({ tag }: List, i: number): string => `${tag}-${i}`

/** The standard file of a list. */
export function csvOf(list: List): Buffer {
  const lines = Array.from(
    { length: list.rows },
    (_, i) => `${transferId(list, i)},${list.amount},XOF,MSISDN,${payeeOf(list.from + i)}\n`,
  )
  return Buffer.from(`transferId,amount,currency,partyIdType,partyIdentifier\n${lines.join('')}`)
}

/** The same rows as COPY's text, as Cauri itself writes them into `payments_lines`. */
export function copyOf(list: List, batch: bigint, account: bigint): Buffer {
  const lines = Array.from(
    { length: list.rows },
    (_, i) =>
      `${batch}\t${i + 1}\t${account}\t${transferId(list, i)}\t${list.amount}\tMSISDN\t${payeeOf(list.from + i)}\t\\N\t\\N\n`,
  )
  return Buffer.from(lines.join(''))
}
