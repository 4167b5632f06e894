import { asObject, bodyIn, text } from './shape.ts'

/** That something happened to a transfer. Never an outcome: it brings forward a query. */
export type TransferHint = { readonly reference: string; readonly state?: string }

const MAX_REFERENCE = 64
const MAX_STATE = 40

/**
 * Reads the adapter's notification PUT /transfers/{id}: `currentState` or `transferState`, also inside
 * `finalNotification` or `fulfil`. The id is the one of the path. Undefined when that cannot be a transfer's id; a body
 * of any shape is a hint all the same.
 */
export function readNotification(id: string, body: unknown): TransferHint | undefined {
  if (!/^[\w-]+$/.test(id) || id.length > MAX_REFERENCE) return undefined
  const root = asObject(body)
  const state =
    text(asObject(root?.['finalNotification'])?.['transferState']) ??
    text(bodyIn(root?.['fulfil'])?.['transferState']) ??
    text(root?.['transferState']) ??
    text(root?.['currentState'])
  return state === undefined ? { reference: id } : { reference: id, state: state.slice(0, MAX_STATE) }
}
