/** How a payee of a list behaves, by the simulators' magic numbers. */
const codes = {
  /** The payee's institution refuses, for good. */
  refuses: '003',
  /** It refuses for want of liquidity: every new attempt meets the same. */
  'has no liquidity': '049',
  /** The hub prepares the transfer, and never says anything again: only people can close it. */
  'stays silent': '129',
} as const
export type Manner = 'takes it' | keyof typeof codes

/** One line of a list: every line of a campaign has a payee and, within its list, an amount of its own. */
export type Due = { readonly party: string; readonly amount: number; readonly manner: Manner }

export const PAYER = 'ACC-123456789'

/** The payees who stay silent, as a pattern of SQL. */
export const SILENT = `228%000${codes['stays silent']}`

/**
 * List number `n` (0–9999): `lines` (at most 9999) payees that nobody else has; those at the given places have manners
 * of their own, at most 100 of them.
 */
export function newList(n: number, lines: number, special: ReadonlyMap<number, Manner> = new Map()): Due[] {
  const four = (x: number): string => String(x).padStart(4, '0')
  let used = 0
  return Array.from({ length: lines }, (_, i) => {
    const manner = special.get(i) ?? 'takes it'
    const party =
      manner === 'takes it'
        ? `229${four(n)}1${four(i)}`
        : `228${four(n)}${String(used++).padStart(2, '0')}000${codes[manner]}`
    return { party, amount: 100 + i, manner }
  })
}

export const csvOf = (list: readonly Due[]): string =>
  ['type_id,valeur_id,devise,montant', ...list.map((due) => `MSISDN,${due.party},XOF,${due.amount}`)].join(
    '\n',
  )
