import { parseArgs } from 'node:util'

export const campaignNames = [
  'simulation',
  'interleavings',
  'processes',
  'shutdown',
  'takeover',
  'overload',
  'mutants',
  'enumeration',
  'guessing',
] as const
export type CampaignName = (typeof campaignNames)[number]

export type Size = 'small' | 'large'

/** What `npm run prove` was asked for. */
export type Asked = {
  readonly size: Size
  readonly only: readonly CampaignName[]
  readonly seed: number
  readonly runs: Readonly<Record<CampaignName, number>>
  readonly postgres_kills: number
  /** For each campaign; it ends early when they have passed. */
  readonly seconds: Readonly<Record<CampaignName, number | undefined>>
  /** Adds the run to docs/proof/record.json. */
  readonly resume: boolean
}

export const USAGE = `usage: npm run prove -- [small|large] [--only ${campaignNames.join(',')}] [--seed N]
         [--seeds N] [--schedules N] [--kills N] [--postgres-kills N] [--times N] [--pairs N] [--guesses N] [--seconds N] [--resume]`

/** How much each size tries: seeds, schedules, kills, stops, take-overs, crowds, planted bugs, pairs on each surface, guesses. */
const runsOf: Readonly<Record<Size, Readonly<Record<CampaignName, number>>>> = {
  small: {
    simulation: 3_000,
    interleavings: 60,
    processes: 16,
    shutdown: 3,
    takeover: 0,
    overload: 0,
    mutants: 67,
    enumeration: 0,
    guessing: 0,
  },
  large: {
    simulation: 100_000,
    interleavings: 1_000,
    processes: 300,
    shutdown: 20,
    takeover: 4,
    overload: 1,
    mutants: 67,
    enumeration: 345,
    guessing: 1_000_000,
  },
}
/** On two slow cores the small one is over in three minutes. */
const secondsOf: Readonly<Record<Size, Partial<Record<CampaignName, number>>>> = {
  small: { simulation: 30, interleavings: 25, processes: 30, mutants: 25 },
  large: { overload: 60 },
}

/** Reads the command line. Throws with the usage when it makes no sense. */
export function readArgs(args: readonly string[]): Asked {
  const { values, positionals } = parse(args)
  const [size = 'small', ...rest] = positionals
  if ((size !== 'small' && size !== 'large') || rest.length > 0) throw new Error(USAGE)
  // A take-over waits for a real lease, and a crowd takes a minute: they are not for every build.
  const only = values.only?.split(',') ?? campaignNames.filter((name) => runsOf[size][name] > 0)
  const known = only.map((name) => campaignNames.find((one) => one === name) ?? wrong(`no campaign ${name}`))
  const runs = {
    ...runsOf[size],
    ...given('simulation', values.seeds),
    ...given('interleavings', values.schedules),
    ...given('processes', values.kills),
    ...given('shutdown', values.times),
    ...given('takeover', values.times),
    ...given('enumeration', values.pairs),
    ...given('guessing', values.guesses),
  }
  const seconds = numberOf(values.seconds)
  return {
    size,
    only: known,
    seed: numberOf(values.seed) ?? Math.floor(Math.random() * 2 ** 31),
    runs,
    postgres_kills: numberOf(values['postgres-kills']) ?? Math.ceil(runs.processes / 10),
    seconds: Object.fromEntries(
      campaignNames.map((name) => [name, seconds ?? secondsOf[size][name]]),
    ) as Asked['seconds'],
    resume: values.resume ?? false,
  }
}

const given = (name: CampaignName, text: string | undefined): Partial<Record<CampaignName, number>> => {
  const n = numberOf(text)
  return n === undefined ? {} : { [name]: n }
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const n = Number(text)
  return Number.isInteger(n) && n >= 0 ? n : wrong(`${text} is not a whole number`)
}

function wrong(because: string): never {
  throw new Error(`${because}\n${USAGE}`)
}

const text = { type: 'string' } as const

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: text,
        seed: text,
        seeds: text,
        schedules: text,
        kills: text,
        'postgres-kills': text,
        times: text,
        pairs: text,
        guesses: text,
        seconds: text,
        resume: { type: 'boolean' },
      },
    })
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

/** The command that does the same again. */
export function commandOf(asked: Asked, name: CampaignName): string {
  const { size, seed, runs, postgres_kills } = asked
  const how = {
    simulation: `--seeds ${runs.simulation}`,
    interleavings: `--schedules ${runs.interleavings}`,
    processes: `--kills ${runs.processes} --postgres-kills ${postgres_kills}`,
    shutdown: `--times ${runs.shutdown}`,
    takeover: `--times ${runs.takeover}`,
    overload: '',
    mutants: '',
    enumeration: `--pairs ${runs.enumeration}`,
    guessing: `--guesses ${runs.guessing}`,
  }[name]
  const seconds = asked.seconds[name]
  const limit = seconds === undefined ? '' : `--seconds ${seconds}`
  return ['npm run prove --', size, `--only ${name} --seed ${seed}`, how, limit]
    .filter((part) => part !== '')
    .join(' ')
}
