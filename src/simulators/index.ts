import type { Server } from 'node:http'
import { join } from 'node:path'
import { openClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { openInbox } from './control/inbox.ts'
import type { Inbox } from './control/inbox.ts'
import { openPrompts } from './control/prompts.ts'
import type { Prompts } from './control/prompts.ts'
import { openControl } from './control/routes.ts'
import { openDurableLog } from './durable-log.ts'
import type { DurableLog } from './durable-log.ts'
import { openFaults } from './faults.ts'
import { closeServer, listen, listenTcp } from './listen.ts'
import { openBoxes } from './mail/boxes.ts'
import { openMailServer } from './mail/server.ts'
import type { Call } from './mojaloop/call.ts'
import { openHubServer } from './mojaloop/hub-server.ts'
import { otherLine } from './mojaloop/hub-records.ts'
import type { LogLine } from './mojaloop/hub-records.ts'
import { openHub } from './mojaloop/hub.ts'
import { scenarioOf } from './mojaloop/magic.ts'
import { openModels } from './mojaloop/models.ts'
import { openSdk } from './mojaloop/sdk.ts'
import type { World } from './mojaloop/world.ts'
import { openMtnMomo } from './mtn-momo/server.ts'
import { defaultSettings, mergeSettings } from './settings.ts'
import type { Settings, SettingsPatch } from './settings.ts'
import { openSmileId } from './smile-id/server.ts'
import { openPhones } from './sms/phones.ts'
import { openSmsProviders } from './sms/providers.ts'

export type { SettingsPatch } from './settings.ts'

export type SimulatorOptions = {
  /** Ports on 127.0.0.1; 0 chooses a free one. */
  readonly sdk_port: number
  readonly hub_port: number
  readonly simulator_port: number
  /** Mail; a free one when absent. */
  readonly mail_port?: number
  /** Where the durable log lives (`paid.jsonl`, `sms.jsonl`, `mail.jsonl`, `smile-id.jsonl`, `mtn-momo.jsonl`). */
  readonly folder: string
  readonly settings?: SettingsPatch
  /** Seed of the injected faults that name none (1). */
  readonly seed?: number
  /** Told when somebody moves the sandbox's clock, so that the rest of the sandbox moves with it. */
  readonly onClock?: (advance_s: number) => Promise<void>
}

export type Simulators = {
  readonly ports: {
    readonly sdk: number
    readonly hub: number
    readonly simulator: number
    readonly mail: number
  }
  /** For the simulators of phones and mailboxes. */
  readonly inbox: Inbox
  readonly prompts: Prompts
  readonly close: () => Promise<void>
}

/**
 * Starts the sandbox's outside world: the Mojaloop SDK scheme adapter, the hub behind it, a mail server, and on one
 * port the control API, the providers of SMS (`/sms/`), Smile ID (`/smile-id/`) and MTN MoMo (`/mtn/`). What was really paid, sent or checked is rebuilt from the logs in `folder`. Throws when a port stays taken, naming it and its variable.
 */
export async function startSimulators(options: SimulatorOptions): Promise<Simulators> {
  const merged = mergeSettings(defaultSettings, options.settings ?? {})
  if ('faults' in merged) throw new Error(`simulator settings: ${JSON.stringify(merged.faults)}`)
  let settings: Settings = merged.settings
  const { world, clock, log } = openWorld(options, () => settings)
  const inbox = openInbox()
  const prompts = openPrompts()
  const boxes = openBoxes(options.folder, clock, inbox)
  const mail = openMailServer({ boxes, faults: world.faults })
  const { folder } = options
  const { phones, smile_id, mtn } = openProviders({ folder, clock, world, inbox, settings: () => settings })
  const sdk = openSdk(world)
  const servers: Server[] = [sdk.server, openHubServer(world)]
  const control = openControl({
    ...world,
    inbox,
    prompts,
    sms: openSmsProviders({ clock, faults: world.faults, phones }),
    smile_id,
    mtn,
    settings: () => settings,
    setSettings: (next, patch) => {
      settings = next
      if (JSON.stringify(patch).includes('"wedge"')) sdk.wedge.reset()
    },
    advance: async (seconds) => {
      advance(clock, log, seconds)
      await options.onClock?.(seconds)
    },
  })
  servers.push(control)
  const close = async (): Promise<void> => {
    mail.closeConnections()
    mail.server.close()
    await Promise.all(servers.map(closeServer))
    clock.close()
    log.close()
    phones.close()
    smile_id.close()
    mtn.close()
    boxes.close()
  }
  try {
    const ports = {
      sdk: await listen(sdk.server, options.sdk_port, 'SDK_PORT'),
      hub: await listen(servers[1] ?? control, options.hub_port, 'HUB_PORT'),
      simulator: await listen(control, options.simulator_port, 'SIMULATOR_PORT'),
      mail: await listenTcp(mail.server, options.mail_port ?? 0, 'MAIL_PORT'),
    }
    return { ports, inbox, prompts, close }
  } catch (error) {
    await close()
    throw error
  }
}

type Around = {
  readonly folder: string
  readonly clock: Clock
  readonly world: World
  readonly inbox: Inbox
  readonly settings: () => Settings
}

/** Those that are served on the control API's port. */
function openProviders({ folder, clock, world: { faults }, inbox, settings }: Around) {
  return {
    phones: openPhones({ folder, clock, inbox, settings: () => settings().sms }),
    smile_id: openSmileId({ folder, clock, faults, settings: () => settings()['smile-id'] }),
    mtn: openMtnMomo({ folder, clock, faults, settings: () => settings()['mtn-momo'] }),
  }
}

function advance(clock: Clock, log: DurableLog, seconds: number): void {
  clock.advance(seconds)
  log.append(otherLine({ k: 'clock', offset_ms: clock.offset_ms() }))
  log.flush()
}

/** Reads the log back, then plans again what was still to come, on the clock that the sandbox had reached. */
function openWorld(
  options: SimulatorOptions,
  settings: () => Settings,
): { readonly world: World; readonly clock: Clock; readonly log: DurableLog } {
  const opened: { log?: DurableLog; clock?: Clock } = {}
  const log = (): DurableLog => opened.log ?? stillReading()
  const clock = lazyClock(() => opened.clock ?? stillReading())
  const latency_ms = (): number => settings().mojaloop.latency_ms.transfer
  const hub = openHub({ clock, log, latency_ms })
  const models = openModels(log, (data) => {
    const call = JSON.parse(data) as Call
    return { ...call, scenario: scenarioOf(call.code) }
  })
  let offset_ms = 0
  const durable = openDurableLog(join(options.folder, 'paid.jsonl'), (text) => {
    const line = JSON.parse(text) as LogLine
    if (line.k === 'clock') offset_ms = line.offset_ms
    hub.replay(line)
    models.replay(line)
  })
  opened.log = durable
  opened.clock = openClock(offset_ms)
  hub.resume()
  const faults = openFaults(options.seed)
  const world: World = { clock, log, hub, models, faults, settings: () => settings().mojaloop }
  return { world, clock, log: durable }
}

function stillReading(): never {
  throw new Error('the log is still being read back')
}

/** The clock's offset is known only after the log was read; until then nobody asks for the time. */
const lazyClock = (clock: () => Clock): Clock => ({
  now: () => clock().now(),
  after: (delay_ms, run) => clock().after(delay_ms, run),
  at: (due_ms, run) => clock().at(due_ms, run),
  advance: (seconds) => clock().advance(seconds),
  offset_ms: () => clock().offset_ms(),
  close: () => clock().close(),
})
