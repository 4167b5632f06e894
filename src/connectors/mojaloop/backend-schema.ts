import { z } from 'zod'
import { partyTypes } from '../rail.ts'

/**
 * What the scheme adapter sends to its backend (Backend API v2.1.0): the properties that matter here, with the
 * document's limits; others are ignored, as the adapter's versions differ in them.
 */
const correlationId = z.string().regex(/^[\w-]{1,64}$/)
/** `^([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[1-9])?$` in the document. */
const amount = z.string().regex(/^(0|[1-9]\d{0,17})(\.\d{0,3}[1-9])?$/)
const name = z.string().max(128).optional()

const transferParty = z.object({
  idType: z.enum(partyTypes),
  idValue: z.string().min(1).max(128),
  displayName: name,
  firstName: name,
  lastName: name,
})
const terms = {
  to: transferParty,
  from: transferParty,
  amountType: z.enum(['SEND', 'RECEIVE']),
  amount,
  currency: z.string().regex(/^[A-Z]{3}$/),
  transactionType: z.string(),
  note: z.string().max(128).optional(),
}
const termsObject = z.object(terms)

export const quoteRequest = z.object({ quoteId: correlationId, transactionId: correlationId, ...terms })
export const transferRequest = z.object({
  transferId: correlationId,
  ...terms,
  ilpPacket: z.object({ data: z.unknown() }),
  quote: z.object({ quoteId: correlationId }),
})
export const fulfilNotification = z.object({
  finalNotification: z.object({ transferState: z.string().max(40) }).optional(),
})

export type TransferParty = z.output<typeof transferParty>
export type Terms = z.output<typeof termsObject>
export type FulfilNotification = z.output<typeof fulfilNotification>
