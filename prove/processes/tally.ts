/** What a run has done and found so far. */
export type Tally = {
  readonly faults: Record<string, number>
  readonly covered: Record<string, number>
  readonly figures: Record<string, number>
  readonly wrong: string[]
  /** One more fault of that kind was really injected. */
  readonly count: (kind: string, n?: number) => void
  /** A place was really reached. */
  readonly cover: (place: string) => void
  readonly add: (figure: string, n: number) => void
  /** Something is wrong; the first thousand are kept. */
  readonly blame: (what: string) => void
}

/** `say` hears of the first few things that are wrong at once. */
export function openTally(say: (line: string) => void): Tally {
  const more = (of: Record<string, number>, name: string, n: number): void => {
    if (n > 0) of[name] = (of[name] ?? 0) + n
  }
  const tally: Tally = {
    faults: {},
    covered: {},
    figures: {},
    wrong: [],
    count: (kind, n = 1) => more(tally.faults, kind, n),
    cover: (place) => more(tally.covered, place, 1),
    add: (figure, n) => more(tally.figures, figure, n),
    blame: (what) => {
      if (tally.wrong.length < 1_000) tally.wrong.push(what)
      if (tally.wrong.length <= 20) say(`WRONG ${what}`)
    },
  }
  return tally
}
