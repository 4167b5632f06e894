/** How a command ended, for scripts. docs/reference/cli.md explains them. */
export const exits = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Declined, with a code; nothing was done. */
  refused: 3,
  /** The wait ended before the batch did; it goes on. */
  not_final: 4,
  /** The batch ended, but not COMPLETED. */
  not_completed: 5,
  /** The ledger, the payments or the audit trail do not hold what they promise. */
  breaches: 6,
} as const
export type Exit = (typeof exits)[keyof typeof exits]
