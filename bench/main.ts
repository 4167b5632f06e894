import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bulk } from './bulk.ts'
import { allHeld, lineOf, markdownTable, textTable, type Figure } from './figure.ts'
import { ledger } from './ledger.ts'
import { million } from './million.ts'
import { payers } from './payers.ts'
import { stopAll, stopDatabases } from './processes.ts'
import { startProduct } from './product.ts'
import { aboutRun, record, reportOf } from './report.ts'
import { secondsSince, type Run } from './run.ts'
import { seed } from './seed.ts'
import { signIn } from './sign-in.ts'
import { slow } from './slow.ts'
import { rest, start } from './start.ts'
import { streams } from './streams.ts'
import { twoPhase } from './two-phase.ts'
import { upload } from './upload.ts'

const parts: Readonly<Record<string, (run: Run) => Promise<Figure[]>>> = {
  start,
  rest,
  bulk,
  slow,
  twophase: twoPhase,
  payers,
  upload,
  million,
  ledger,
  streams: async (run) => {
    const product = await startProduct(join(run.folder, 'streams'))
    const figures = await streams(product)
    await product.stop()
    return figures
  },
  'sign-in': signIn,
  seed,
}

const USAGE = `usage: npm run bench -- [part …] [--repeat n] [--json file] [--markdown] [--record] [--install] [--lines n]
  parts       ${Object.keys(parts).join(' ')}
  --repeat    repetitions of each measurement, medians count (5 of the short ones, 3 of the long ones)
  --json      writes the run down, with every repetition
  --markdown  prints the table as Markdown
  --record    writes the table into docs/performance.md: a whole run, or parts again after a change
  --install   as root: lets apt-get install what the comparison with the old design needs
  --lines     a trial: batches of so many lines in place of 100,000 (and ten times as many in place of a million)`

/** Exits 1 when a bar was not reached or a part broke, 2 when it was called wrongly. */
async function main(): Promise<void> {
  const options = readOptions()
  const names = options.positionals.length === 0 ? Object.keys(parts) : options.positionals
  const folder = mkdtempSync(join(tmpdir(), 'cauri-bench-'))
  // PostgreSQL runs as another user when this is root, and must be able to reach its folder.
  chmodSync(folder, 0o755)
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      interrupted = true
      void cleanUp(folder).finally(() => process.exit(130))
    })
  process.once('uncaughtException', (error) => {
    console.error(error)
    void cleanUp(folder).finally(() => process.exit(1))
  })
  const [started, load_before] = [performance.now(), loadavg()]
  const figures: Figure[] = []
  const broken: string[] = []
  for (const name of names) {
    if (interrupted) return
    const result = await runPart(name, { ...options.run, folder: join(folder, name) })
    if (typeof result === 'string') broken.push(result)
    else figures.push(...result)
  }
  if (interrupted) return
  await cleanUp(folder)
  const command = ['npm run bench', ...withoutPath(process.argv.slice(2))]
    .join(' ')
    .replace('bench ', 'bench -- ')
  const report = reportOf({ load_before, command, minutes: secondsSince(started) / 60, figures, broken })
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  if (options.record && broken.length === 0)
    record(report, options.positionals.length > 0 ? 'parts' : 'whole')
  console.log(`\n${options.markdown ? markdownTable(figures) : textTable(figures)}\n\n${aboutRun(report)}`)
  for (const one of broken) console.log(`\nBROKEN ${one}`)
  process.exitCode = allHeld(figures) && broken.length === 0 ? 0 : 1
}

/** Where one run's JSON went is nobody else's business. */
function withoutPath(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--json')
  return at < 0 ? args : args.toSpliced(at, 2)
}

/** The part's figures, or why it broke: what the others measured must not be lost with it. */
async function runPart(name: string, run: Run): Promise<Figure[] | string> {
  const started = performance.now()
  console.log(`${name} …`)
  mkdirSync(run.folder)
  chmodSync(run.folder, 0o755)
  try {
    const figures = (await parts[name]?.(run)) ?? []
    for (const one of figures) run.say(lineOf(one))
    return figures
  } catch (error) {
    run.say(`broke: ${String(error)}`)
    return `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  } finally {
    await cleanUp(run.folder)
    console.log(`${name}: ${secondsSince(started).toFixed(0)} s`)
  }
}

async function cleanUp(folder: string): Promise<void> {
  await stopAll()
  await stopDatabases(folder)
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      repeat: { type: 'string' },
      lines: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
    },
  })
  const unknown = positionals.find((name) => !Object.hasOwn(parts, name))
  if (unknown !== undefined) throw new Wrong(`there is no part ${unknown}`)
  if (values.record && values.lines !== undefined) throw new Wrong('a trial is not recorded')
  if (process.platform !== 'linux')
    throw new Wrong('processor time and memory are read from /proc: Linux only')
  const repeat = numberOf('--repeat', values.repeat)
  const run = {
    lines: numberOf('--lines', values.lines),
    repeat: { short: repeat ?? 5, long: repeat ?? 3 },
    install: values.install,
    say: (text: string) => console.log(`  ${text}`),
  }
  return { ...values, positionals, run }
}

class Wrong extends Error {}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  throw new Wrong(`${option}: ${text} is not a number from 1 on`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof Wrong || (error instanceof TypeError && 'code' in error))) throw error
  console.error(`${error.message}\n${USAGE}`)
  process.exitCode = 2
}
