/** What the scheme says when it refuses (FSPIOP §7.6: code of four digits, description, optional extensions). */
export type ErrorInformation = {
  readonly errorCode: string
  readonly errorDescription: string
  readonly extensionList?: { readonly extension: readonly { readonly key: string; readonly value: string }[] }
}

/** How the outside world treats one payment. An absent field is the ordinary, good case. */
export type Scenario = {
  /** The look-up of the payee is refused, never answered, or refused by the hub on the spot. */
  readonly party?: ErrorInformation | 'silent' | 'refused-at-once'
  readonly other_name?: true
  readonly quote?: ErrorInformation | 'silent'
  /** Francs above the amount. */
  readonly fee?: number
  /** Francs more than ordered that the payee gets. */
  readonly overpaid?: number
  /** The transfer is refused with an error, or ends ABORTED without one. */
  readonly transfer?: ErrorInformation | 'aborted'
  /** Seconds between the order and the movement of money; Infinity: it never moves. */
  readonly commits_after_s?: number
  /** Who hears of it: everybody at once with the state reached (default), only once committed, or nobody. */
  readonly told?: 'when-committed' | 'never'
  /** Until the money moves the hub denies that it knows the transfer. */
  readonly hidden?: true
  readonly wrong_fulfilment?: true
  /** The hub sends its callback twice. */
  readonly told_twice?: true
  /** The answer is an HTML page of something in between. */
  readonly html_503?: true
  readonly reversed_after_s?: number
}

const error = (errorCode: string, errorDescription: string): ErrorInformation => ({
  errorCode,
  errorDescription,
})

export const modifiedRequest = error('3106', 'Modified request')
export const unknownTransfer = error('3208', 'Transfer ID not found')

const partyNotFound: Scenario = { party: error('3204', 'Party not found') }
const payeeError: Scenario = { transfer: error('5000', 'Generic payee error') }

/** Scenario by code: the three digits of a magic number, or the name of an injected fault. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map<string, Scenario>([
  ['000', partyNotFound],
  ['001', { quote: error('5200', 'Payee limit error') }],
  ['002', { transfer: 'aborted' }],
  [
    '003',
    {
      transfer: {
        errorCode: '5104',
        errorDescription: 'Payee rejected transaction',
        extensionList: { extension: [{ key: 'reason', value: 'account blocked' }] },
      },
    },
  ],
  ['004', { party: 'silent' }],
  ['005', { quote: 'silent' }],
  ['006', { told: 'never' }],
  ['007', { commits_after_s: 15, told: 'when-committed' }],
  ['008', { wrong_fulfilment: true }],
  ['009', { party: 'refused-at-once' }],
  ['010', { fee: 50 }],
  ['011', { commits_after_s: 30 }],
  ['019', { quote: error('5200', 'Payee limit error') }],
  ['029', { transfer: error('4000', 'Generic payer error') }],
  ['039', { transfer: error('5100', 'Generic payee rejection') }],
  ['049', { transfer: error('5001', 'Payee FSP insufficient liquidity') }],
  ['069', payeeError],
  ['089', partyNotFound],
  ['119', payeeError],
  ['129', { commits_after_s: Number.POSITIVE_INFINITY, told: 'never' }],
  ['202', { commits_after_s: 20, told: 'never', hidden: true }],
  ['301', { other_name: true }],
  ['408', { told: 'never' }],
  ['409', { told_twice: true }],
  ['503', { html_503: true }],
  ['777', { reversed_after_s: 10 }],
  ['insufficient_float', { transfer: error('4001', 'Payer FSP insufficient liquidity') }],
  ['currency_env_mismatch', { quote: error('4103', 'Payer unsupported currency') }],
  ['amount_mismatch', { overpaid: 100 }],
])

const ordinary: Scenario = {}
export const scenarioOf = (code: string): Scenario =>
  code === '' ? ordinary : (scenarios.get(code) ?? ordinary)

/** The code of a magic number (last six digits `000` + code), or '' for every other number. */
export function magicCode(party: string): string {
  const n = party.length
  if (
    n < 6 ||
    party.charCodeAt(n - 6) !== 48 ||
    party.charCodeAt(n - 5) !== 48 ||
    party.charCodeAt(n - 4) !== 48
  )
    return ''
  const code = party.slice(-3)
  return scenarios.has(code) ? code : ''
}
