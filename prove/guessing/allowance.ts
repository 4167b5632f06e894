import { poissonBound } from './statistics.ts'

/**
 * What the documented limits of codes and passwords leave to a guesser (docs/concepts/sign-in.md). Written down here once more and not
 * read from the product: a limit that was loosened there must be found here.
 */
export const POLICY = {
  code_tries: 5,
  codes_per_hour: 3,
  codes_per_day: 5,
  code_failures: 20,
  code_failures_per_hour: 200,
  account: { free: 5, longest_s: 900, forgotten_after_s: 86_400 },
  address: { free: 50, longest_s: 60, forgotten_after_s: 900 },
} as const

/** Six digits; and passwords are as few here, which is kind to the guesser: those that are guessed first are refused. */
export const CHANCES = 1_000_000

/** A run in a thousand may be that lucky without any fault. */
const LUCK = 0.001

/** What somebody tried. `read`: guesses that were held against a secret, by what the product did and not by what it counts. */
export type Attack = {
  readonly name: string
  readonly guesses: number
  readonly read: number
  readonly wins: number
  /** How many guesses the limits let be read, in all of the attack's time. */
  readonly may_be_read: number
  /** Hours of the virtual clock. */
  readonly hours: number
}

/** Tries that a rule of doubling waits leaves to who tries again as soon as he may, in one window of it. */
export function triesOf(rule: {
  readonly free: number
  readonly longest_s: number
  readonly forgotten_after_s: number
}): number {
  let [tries, waited_s] = [rule.free, 0]
  for (let wait_s = 1; ; wait_s = Math.min(2 * wait_s, rule.longest_s)) {
    waited_s += wait_s
    if (waited_s > rule.forgotten_after_s) return tries
    tries += 1
  }
}

/** The same over so many seconds: windows begin one after the other, with a first try each. */
export const triesIn = (rule: Parameters<typeof triesOf>[0], seconds: number): number =>
  triesOf(rule) * (Math.floor(seconds / rule.forgotten_after_s) + 1)

/** Wins that are to be expected when all is read that may be. */
export const expectedWins = ({ may_be_read }: Pick<Attack, 'may_be_read'>): number => may_be_read / CHANCES

/** The most wins that luck explains at that expectation. */
export const mostWins = (attack: Pick<Attack, 'may_be_read'>): number =>
  poissonBound(expectedWins(attack), LUCK)

/** What is wrong with an attack, in words: it read more than it may, or won more than luck explains. Nothing when nothing is. */
export function judgeAttack(attack: Attack): string[] {
  const { name, read, wins, may_be_read } = attack
  const wrong: string[] = []
  if (read > may_be_read) wrong.push(`${name}: ${read} guesses were read where ${may_be_read} may be`)
  if (wins > mostWins(attack))
    wrong.push(`${name}: ${wins} were right where luck explains ${mostWins(attack)} at most`)
  return wrong
}

export const figuresOf = (attack: Attack): Record<string, number> => ({
  [`${attack.name}: guesses`]: attack.guesses,
  [`${attack.name}: hours`]: attack.hours,
  [`${attack.name}: read`]: attack.read,
  [`${attack.name}: may be read`]: attack.may_be_read,
  [`${attack.name}: wins`]: attack.wins,
  [`${attack.name}: wins expected per million runs`]: Math.round(expectedWins(attack) * 1e6),
  [`${attack.name}: wins allowed`]: mostWins(attack),
})
