import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Checks } from '../checks.ts'
import type { Processes } from '../processes.ts'
import { startCauri } from './cauri.ts'
import { openHub } from './hub.ts'
import { adapterPackage, cacheFolder, findRedis, install, toolkitPackage, versionOf } from './install.ts'
import { meetFee, meetTroubles } from './meets.ts'
import { payInTwoPhases, payStepByStep } from './modes.ts'
import { payMany, paySamePayee, payThroughToolkit, restartAdapter } from './pay.ts'
import { adapterPorts, startAdapter, startRedis, startToolkit, TOOLKIT_STEP_S } from './rig.ts'
import { adapterUrl, type Site } from './suite.ts'
import { surviveWedge } from './wedge.ts'

/** Longer than the adapter waits for a fulfilment, shorter than a transfer lives. */
const LATE_MS = 5_000

/**
 * Cauri, as its user starts it, pays through the real scheme adapter. Throws `Skip` where that cannot be installed;
 * whatever was started belongs to `processes`, and ends with it. `folder` is empty and may be entered by every user.
 */
export async function runMojaloop(checks: Checks, processes: Processes, folder: string): Promise<void> {
  const cache = cacheFolder(process.env)
  const redis = findRedis(checks.note)
  const adapter_files = install(adapterPackage, cache, checks.note)
  const toolkit_files = install(toolkitPackage, cache, checks.note)
  for (const { name, version } of [adapterPackage, toolkitPackage]) checks.note(`${name} ${version}`)
  checks.note(`redis ${versionOf(redis)}, Node ${process.version}`)

  const ports = await adapterPorts()
  const redis_port = await startRedis(processes, redis, folder)
  const toolkit = await startToolkit(processes, toolkit_files, join(folder, 'toolkit'), ports.inbound)
  const hub = await openHub({ late_ms: LATE_MS, adapter_port: ports.inbound })
  const home = join(folder, 'cauri')
  mkdirSync(home, { mode: 0o711 })
  const through = { SCHEME_ADAPTER_URL: adapterUrl(ports) }
  const { file } = adapter_files
  const slow = { hub_port: toolkit.port, auto_accept_quotes: true, step_s: TOOLKIT_STEP_S }
  const adapter = await startAdapter(processes, { file, ports, redis_port, ...slow })
  const cauri = await startCauri(processes, home, {
    ...through,
    MOJALOOP_TIMEOUT_S: String(4 * TOOLKIT_STEP_S),
    MOJALOOP_WINDOW: '1', // asked for several quotes at once, the toolkit gives all the amount of the last
  })
  const site: Site = {
    checks,
    processes,
    hub,
    ports,
    redis_port,
    adapter_file: file,
    home,
    adapter,
    cauri,
  }
  const restartCauri = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
    await site.cauri.stop()
    site.cauri = await startCauri(processes, home, { ...through, ...env })
  }
  try {
    await payThroughToolkit(site, toolkit)
    await restartAdapter(site)
    await restartCauri()
    await payMany(site)
    await paySamePayee(site)
    await meetTroubles(site)
    checks.equal('callbacks of the hub that the adapter did not take', hub.unheard, [])
    await surviveWedge(site)
    await restartCauri({ MOJALOOP_FEE_CAP: '100' })
    await meetFee(site)
    await restartAdapter(site, false)
    await payInTwoPhases(site)
    await restartAdapter(site)
    // SDK 18 wedges in this mode even with different payees at once, so one at a time.
    await restartCauri({ MOJALOOP_FEE_CAP: '100', MOJALOOP_MODE: 'stepwise', MOJALOOP_WINDOW: '1' })
    await payStepByStep(site)
  } finally {
    await hub.close()
  }
}
