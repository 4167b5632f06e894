import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SettingsPatch } from '../src/simulators/index.ts'
import { bareEnv } from './product.ts'
import { start, usageOf } from './processes.ts'

/** Something that answers as a scheme adapter does, in a process of its own. */
export type Rail = {
  readonly url: string
  /** Processor seconds that it has used. */
  readonly cpu_s: () => number
  readonly stop: () => Promise<void>
}

/** The rail that does nothing, `bench/floor.mjs`; each answer waits `delay_ms`. */
export async function startFloor(folder: string, delay_ms = 0): Promise<Rail> {
  const running = await start({
    command: process.execPath,
    args: [join(import.meta.dirname, 'floor.mjs'), String(delay_ms)],
    cwd: folder,
    env: bareEnv(),
    ready: /"port":(\d+)/,
  })
  return railOf(running, running.said[1])
}

/** The faithful simulators of the sandbox, with these settings from the first call on. */
export async function startSimulators(folder: string, settings: SettingsPatch = {}): Promise<Rail> {
  const home = join(folder, 'simulators-home')
  mkdirSync(home, { recursive: true })
  const running = await start({
    command: process.execPath,
    args: [join(import.meta.dirname, '../src/simulators/main.ts')],
    cwd: folder,
    env: { ...bareEnv(), CAURI_HOME: home, SDK_PORT: '0', HUB_PORT: '0', SIMULATOR_PORT: '0' },
    ready: /"sdk":(\d+),"hub":\d+,"simulator":(\d+)/,
  })
  const answer = await fetch(`http://127.0.0.1:${running.said[2]}/_sim/settings`, {
    method: 'PUT',
    body: JSON.stringify(settings),
    headers: { 'content-type': 'application/json' },
  })
  if (!answer.ok) throw new Error(`settings of the simulators: ${answer.status} ${await answer.text()}`)
  return railOf(running, running.said[1])
}

const railOf = (running: Awaited<ReturnType<typeof start>>, port: string | undefined): Rail => ({
  url: `http://127.0.0.1:${port}`,
  cpu_s: () => usageOf(running.pid)?.cpu_s ?? Number.NaN,
  stop: running.stop,
})
