/** One way in which a mutant may be found out. All run in the mutated tree; the cheapest comes first. */
export type Catcher =
  /** A test file, or those of its tests whose names match. */
  | { readonly by: 'test'; readonly file: string; readonly name?: string }
  /** So many seeds of the simulation. */
  | { readonly by: 'simulation'; readonly runs: number }
  /** So many schedules of the interleavings. */
  | { readonly by: 'interleavings'; readonly runs: number }

/** A small bug such as people really write, planted on purpose: some test must fail. */
export type Mutant = {
  readonly name: string
  /** Why it would cost somebody money, or make a status lie. */
  readonly costs: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  readonly caught_by: readonly Catcher[]
}

export const test = (file: string, name?: string): Catcher => ({
  by: 'test',
  file,
  ...(name === undefined ? {} : { name }),
})
export const simulation = (runs = 500): Catcher => ({ by: 'simulation', runs })
export const interleavings = (runs = 80): Catcher => ({ by: 'interleavings', runs })

/** The mutated text; throws when the place is not there, or is not the only one. */
export function apply(mutant: Mutant, text: string): string {
  const parts = text.split(mutant.find)
  if (parts.length !== 2)
    throw new Error(`«${mutant.name}»: its place occurs ${parts.length - 1} times in ${mutant.file}`)
  return parts.join(mutant.replace)
}
