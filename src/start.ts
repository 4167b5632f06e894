import { existsSync, mkdirSync } from 'node:fs'
import { loadEnvFile } from 'node:process'
import { openApp, type App } from './app.ts'
import { loadDemo } from './demo.ts'
import { advanceClock } from './platform/clock.ts'
import { readConfig, type Config } from './platform/config.ts'
import { armCrashPoint } from './platform/crash-point.ts'
import { secretOf } from './platform/kept-secret.ts'
import { openLog, type Log } from './platform/log.ts'
import { migrate } from './platform/migrate.ts'
import { startPostgres, type Postgres } from './platform/postgres/index.ts'
import { startSimulatorProcess, type SimulatorProcess } from './simulator-process.ts'

/** Everything that this process started, in the order in which it must end. */
type Running = { app?: App; simulators?: SimulatorProcess; postgres?: Postgres }

/** SIGTERM to exit takes less than this, whatever hangs. */
const EXIT_MS = 9_500

/**
 * Starts what the roles need, in order: database, migrations, demo data, simulators, API, worker. The API's port opens
 * only when it can serve; then one line `ready http://…` goes to standard output. Throws with a reason when it
 * cannot.
 */
export async function start(env: NodeJS.ProcessEnv, roles: ReadonlySet<string>): Promise<void> {
  if (existsSync('.env')) loadEnvFile('.env')
  const config = readConfig(env)
  armCrashPoint(env['CAURI_CRASH_AT'])
  const log = openLog(config.LOG_LEVEL)
  if (config.retired.length > 0) log.warn({ names: config.retired }, 'these variables are no longer needed')
  const running: Running = {}
  onStop(log, running, env['npm_lifecycle_event'] === 'start')
  try {
    await startAll(config, log, roles, running)
  } catch (error) {
    await stopAll(running)
    throw error
  }
}

async function startAll(
  config: Config,
  log: Log,
  roles: ReadonlySet<string>,
  running: Running,
): Promise<void> {
  mkdirSync(config.home, { recursive: true })
  if (config.DATABASE_URL === undefined) running.postgres = await startPostgres({ home: config.home, log })
  const url = config.DATABASE_URL ?? running.postgres?.url ?? ''
  const { applied } = await migrate(url)
  if (applied.length > 0) log.info({ applied }, 'migrations applied')

  const sandbox = config.CAURI_MODE === 'sandbox'
  // Of several processes of one sandbox, the worker's brings the outside world.
  if (sandbox && config.SCHEME_ADAPTER_URL === undefined && roles.has('worker'))
    running.simulators = await startSimulatorProcess(config, log, async (advance_s) => {
      if (running.app !== undefined) await advanceClock(running.app.ctx.db, advance_s)
    })
  const simulated = running.simulators?.ports
  const app = await openApp({
    config,
    log,
    url,
    adapter_url: config.SCHEME_ADAPTER_URL ?? (simulated && `http://127.0.0.1:${simulated.sdk}`),
    secret_key: secretOf(config),
    ...(simulated === undefined
      ? {}
      : { simulator_url: `http://127.0.0.1:${simulated.simulator}`, simulator_mail_port: simulated.mail }),
  })
  running.app = app
  if (sandbox) await loadDemo(app.ctx.db)
  if (roles.has('worker')) await app.startWorker()
  if (!roles.has('api')) {
    process.stdout.write('ready worker\n')
    return
  }
  const port = await app.startApi(config.HOST, config.PORT).catch((error: unknown) => {
    throw isTaken(error)
      ? new Error(
          `port ${config.PORT} is taken: stop what uses it, or set PORT to another one (0 chooses a free one)`,
        )
      : error
  })
  announce(config, port, simulated)
}

const isTaken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'

function announce(config: Config, port: number, simulated: SimulatorProcess['ports'] | undefined): void {
  const base = `http://127.0.0.1:${port}`
  const lines = [`ready ${base}`]
  if (config.CAURI_MODE === 'sandbox')
    lines.push(
      '',
      `  API            ${base}/swagger/        data  ${config.home}`,
      ...(simulated === undefined
        ? []
        : [
            `  SDK adapter    http://127.0.0.1:${simulated.sdk}     hub   http://127.0.0.1:${simulated.hub}`,
            `  simulators     http://127.0.0.1:${simulated.simulator}/_sim/`,
          ]),
      '  people         +237600000000 runs it, +237670123456 buys, +237698765432 sells; password TestPassword123!',
      '',
      '  Try:',
      `  printf 'type_id,valeur_id,devise,montant\\nMSISDN,22890123456,XOF,10000\\n' > transfers.csv`,
      `  curl -X POST ${base}/api/bulk-transfers -F "file=@transfers.csv" -F "payer_account=ACC-123456789"`,
      `  curl -N ${base}/api/bulk-transfers/bulk-…/stream`,
      `  curl ${base}/api/bulk-transfers/bulk-…/status | jq`,
    )
  process.stdout.write(`${lines.join('\n')}\n`)
}

function onStop(log: Log, running: Running, by_npm: boolean): void {
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), EXIT_MS).unref()
    stopAll(running).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // npm gives SIGTERM to the shell that it started us with, and the shell keeps it to itself: its end is our signal.
  if (by_npm) whenOrphaned(() => stop('the end of npm'))
}

const LOOK_MS = 500

/** Calls once when the process that started this one is gone. */
function whenOrphaned(call: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    call()
  }, LOOK_MS)
  timer.unref()
}

async function stopAll(running: Running): Promise<void> {
  await running.app?.stop()
  await running.simulators?.stop()
  await running.postgres?.stop()
}
