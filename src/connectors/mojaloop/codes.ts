import type { RefusalReason } from '../rail.ts'

/**
 * What a Mojaloop error code (FSPIOP API, error codes) means for one order. `stop`: it is about us, not about the
 * payee. `unsure`: it says nothing about whether the money moves.
 */
export type CodeMeaning =
  | { readonly act: 'refuse'; readonly reason: RefusalReason; readonly retryable: boolean }
  | { readonly act: 'stop'; readonly because: string }
  | { readonly act: 'unsure' }

const refuse = (reason: RefusalReason, retryable = false): CodeMeaning => ({
  act: 'refuse',
  reason,
  retryable,
})
const stop = (because: string): CodeMeaning => ({ act: 'stop', because })
const unsure: CodeMeaning = { act: 'unsure' }

const meanings = new Map<string, CodeMeaning>([
  ['1000', refuse('PAYEE_UNAVAILABLE', true)],
  ['1001', refuse('PAYEE_UNAVAILABLE', true)],
  ['2000', refuse('RAIL_ERROR', true)],
  ['2001', refuse('RAIL_ERROR', true)],
  ['2003', refuse('RAIL_BUSY', true)],
  ['2004', refuse('PAYEE_UNAVAILABLE', true)],
  ['2005', refuse('RAIL_BUSY', true)],
  ['3105', stop('the rail does not accept our signature (3105)')],
  ['3106', unsure],
  ['3201', refuse('PAYEE_NOT_FOUND')],
  ['3202', stop('the rail does not know us as a payer (3202)')],
  ['3203', refuse('PAYEE_NOT_FOUND')],
  ['3204', refuse('PAYEE_NOT_FOUND')],
  ['3208', unsure],
  ['3300', refuse('EXPIRED', true)],
  ['3301', refuse('EXPIRED', true)],
  ['3302', refuse('EXPIRED', true)],
  ['3303', refuse('EXPIRED', true)],
  ['4001', stop('our position at the rail has no liquidity left (4001)')],
  ['4102', stop('the rail does not let us make this kind of transfer (4102)')],
  ['4103', stop('the rail does not let us pay in this currency (4103)')],
  ['4300', stop('the rail does not permit us to pay (4300)')],
  ['4400', stop('the rail has blocked us (4400)')],
  ['5001', refuse('PAYEE_UNAVAILABLE', true)],
  ['5101', refuse('QUOTE_REFUSED')],
  ['5103', refuse('QUOTE_REFUSED')],
  ['5200', refuse('PAYEE_LIMIT')],
  ['5300', refuse('PAYEE_BLOCKED')],
  ['5400', refuse('PAYEE_BLOCKED')],
])

/** The codes' families, for those that are not named above. */
const families: Readonly<Record<string, CodeMeaning>> = {
  '1': refuse('RAIL_ERROR', true),
  '2': refuse('RAIL_ERROR'),
  '3': refuse('INVALID_ORDER'),
  '4': refuse('RAIL_ERROR'),
  '5': refuse('PAYEE_REJECTED'),
  '7': refuse('RAIL_ERROR'),
}

/**
 * Reads a code. `prepared`: a prepared transfer may exist at the hub; then the codes of communication and servers
 * (1xxx, 2xxx) do not tell whether the money moves.
 */
export function meaningOf(code: string, prepared: boolean): CodeMeaning {
  const family = code.charAt(0)
  if (prepared && (family === '1' || family === '2')) return unsure
  return meanings.get(code) ?? families[family] ?? unsure
}

/** A Mojaloop code has four digits; three are an HTTP status in disguise. */
export const isMojaloopCode = (code: unknown): code is string =>
  typeof code === 'string' && /^\d{4}$/.test(code)
