/** What a campaign found: the verdict words of docs/proof.md, each a number that must be 0. */
export type Verdict = {
  /** Payees whom the outside world's own log paid more than once. */
  readonly twice: number
  /** Orders that we call paid and the outside does not know, or the reverse, or with another amount. */
  readonly lost: number
  /** Orders neither final nor before people although nothing more happens. */
  readonly stuck: number
  /** Breaches of the invariants of src/integrity. */
  readonly invariants: number
}

/** One campaign's run: what was tried, how often, and what was found. Plain JSON, so that runs add up. */
export type Result = {
  readonly campaign: string
  /** The first seed; run number i uses seed + i. */
  readonly seed: number
  readonly runs: number
  readonly seconds: number
  /** How often each kind of fault was really injected (not merely intended). */
  readonly faults: Readonly<Record<string, number>>
  /** How often each named crash point, schedule or other place was really reached. */
  readonly covered: Readonly<Record<string, number>>
  /** Other figures worth telling: kills, orders, events. */
  readonly figures: Readonly<Record<string, number>>
  readonly verdict: Verdict
  /** What is wrong, in words, each with its seed: empty when nothing is. */
  readonly wrong: readonly string[]
}

export type CampaignOptions = {
  readonly seed: number
  readonly runs: number
  /** Stops before the next run when this many seconds have passed; the result says how many were made. */
  readonly seconds?: number
  readonly say: (line: string) => void
}

export type Campaign = (options: CampaignOptions) => Promise<Result>
