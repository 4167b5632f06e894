import { z } from 'zod'
import type { NewPayment } from './payments.ts'

/** MTN refuses apostrophes and other signs in texts. */
const note = z
  .string()
  .max(160)
  .regex(/^[A-Za-z0-9 .,-]*$/)
const schema = z.object({
  amount: z.string().regex(/^[1-9]\d{0,14}$/),
  currency: z.string().regex(/^[A-Z]{3}$/),
  externalId: z.string().max(128),
  payee: z.discriminatedUnion('partyIdType', [
    z.object({ partyIdType: z.literal('MSISDN'), partyId: z.string().regex(/^\d{6,15}$/) }),
    z.object({ partyIdType: z.literal('EMAIL'), partyId: z.email() }),
  ]),
  payerMessage: note,
  payeeNote: note,
})

/** The currency that each environment pays in. */
const currencyOf: Readonly<Record<string, string>> = {
  sandbox: 'EUR',
  mtncameroon: 'XAF',
  mtncongo: 'XAF',
  mtnivorycoast: 'XOF',
  mtnbenin: 'XOF',
}

/** A transfer as it is sent, or what is wrong with it. */
export function readTransfer(body: Buffer, environment: string): Omit<NewPayment, 'reference'> | string {
  let json: unknown
  try {
    json = JSON.parse(body.toString())
  } catch {
    return 'not JSON'
  }
  const read = schema.safeParse(json)
  if (!read.success)
    return read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  const { amount, currency, externalId, payee, payerMessage, payeeNote } = read.data
  const wanted = currencyOf[environment]
  if (wanted === undefined) return 'no such target environment'
  if (currency !== wanted) return `${environment} pays in ${wanted}`
  return {
    amount: Number(amount),
    currency,
    external_id: externalId,
    party: payee.partyId,
    party_type: payee.partyIdType,
    payer_message: payerMessage,
    payee_note: payeeNote,
  }
}
