export type Json = Readonly<Record<string, unknown>>

/** A JSON object, or undefined for anything else: a page of a gateway in between, half an answer. */
export function parseObject(body: Buffer): Json | undefined {
  try {
    return asObject(JSON.parse(body.toString('utf8')))
  } catch {
    return undefined
  }
}

export const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

const LONGEST = 200

/** Words of MTN's, without signs that would spoil a page or a log. */
export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== ''
    ? value.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, LONGEST)
    : undefined

/** `"500"`, also `"500.0"` and 500: francs have no centimes. Undefined for what is no whole amount. */
export function amountOf(value: unknown): bigint | undefined {
  const digits = /^(\d{1,15})(?:\.0+)?$/.exec(
    typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
  )?.[1]
  return digits === undefined ? undefined : BigInt(digits)
}

/** What MTN says of a payment. */
export type Payment = {
  readonly status: string
  readonly amount: unknown
  readonly currency: unknown
  readonly party: Json | undefined
  readonly reason: string | undefined
  readonly transaction: string | undefined
}

/** A status answer or a callback: `status` may be called transactionStatus, and `reason` be a text or an object with a code. */
export function readPayment(json: Json | undefined, party: 'payer' | 'payee'): Payment | undefined {
  const status = text(json?.['status']) ?? text(json?.['transactionStatus'])
  if (json === undefined || status === undefined) return undefined
  const reason = json['reason']
  return {
    status: status.toUpperCase(),
    amount: json['amount'],
    currency: json['currency'],
    party: asObject(json[party]),
    reason: text(reason) ?? text(asObject(reason)?.['code']),
    transaction: text(json['financialTransactionId']),
  }
}
