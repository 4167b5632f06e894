import type { Answer, Order, Said } from '../rail.ts'
import type { TransferView } from './shape.ts'
import { difference, refused } from './verdict.ts'

/** Whether a quote is what was ordered, within the order's fee cap; else the refusal to give, before any money moves. */
export type QuoteCheck = { readonly kind: 'accepted'; readonly fee: bigint } | Answer

export function checkQuote(
  view: Pick<TransferView, 'payees' | 'asked' | 'cost' | 'receives'>,
  order: Order,
  said: Said,
): QuoteCheck {
  const because = difference(view, order)
  if (because !== undefined) return refused('QUOTE_REFUSED', false, { ...said, message: `quote: ${because}` })
  if (view.cost?.amount === undefined) {
    return refused('QUOTE_REFUSED', false, { ...said, message: 'quote: no amount' })
  }
  const fee = view.cost.amount - order.amount
  if (fee > order.fee_cap) {
    return refused('FEE_ABOVE_CAP', false, { ...said, message: `quote: fee ${fee} above ${order.fee_cap}` })
  }
  return { kind: 'accepted', fee }
}
