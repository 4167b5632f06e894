/**
 * Money is a whole number (`bigint`) of minor units of one currency. XAF and XOF have exponent 0 in ISO 4217: their
 * minor unit is the franc itself; there are no centimes.
 */
export const currencies = { XAF: { exponent: 0 }, XOF: { exponent: 0 } } as const
export type Currency = keyof typeof currencies
export const isCurrency = (text: string): text is Currency => Object.hasOwn(currencies, text)

/** The largest amount that JSON carries without loss (2^53−1); larger ones are refused at the border. */
export const MAX_AMOUNT = 9007199254740991n

/** An amount for JSON. Throws above 2^53−1 in magnitude: a wrong number must never leave the house. */
export function toJson(amount: bigint): number {
  if (amount > MAX_AMOUNT || amount < -MAX_AMOUNT) throw new RangeError(`amount ${amount} does not fit JSON`)
  return Number(amount)
}

/** Splits a total by basis points (1/10,000). The remainder goes to `rest`, so the two always sum to the total. */
export function splitByBps(total: bigint, bps: bigint): { readonly part: bigint; readonly rest: bigint } {
  if (total < 0n || bps < 0n || bps > 10_000n) throw new RangeError(`cannot split ${total} by ${bps} bps`)
  const part = (total * bps) / 10_000n
  return { part, rest: total - part }
}
