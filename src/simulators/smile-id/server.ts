import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import { JSON_TYPE, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import type { SmileIdSettings } from '../settings.ts'
import { openCallbacks } from './callbacks.ts'
import { openJobs } from './jobs.ts'
import type { Job } from './jobs.ts'
import { postJobStatus, postUpload, putArchive } from './v1.ts'
import { openV3 } from './v3.ts'
import type { SmileIdWorld } from './world.ts'

export type SmileId = {
  /** Serves one call below /smile-id/; false when there is nothing of that kind. */
  readonly serve: (exchange: Exchange) => boolean
  /** Every job that was done, and so paid for. */
  readonly jobs: () => readonly Job[]
  readonly close: () => void
}

export type SmileIdOptions = {
  readonly folder: string
  readonly clock: Clock
  readonly faults: Faults
  readonly settings: () => SmileIdSettings
}

const BASE = '/smile-id'

/** The simulated Smile ID, below /smile-id/ of the simulators' port: both versions of its API over the same people and jobs. */
export function openSmileId({ folder, clock, faults, settings }: SmileIdOptions): SmileId {
  const jobs = openJobs({ folder, clock, settings, callBack: openCallbacks({ clock, faults }) })
  const world: SmileIdWorld = { clock, faults, jobs }
  const v3 = openV3(world)
  const serve = (exchange: Exchange): boolean => {
    if (!exchange.path.startsWith(`${BASE}/`)) return false
    const path = exchange.path.slice(BASE.length)
    const upload = /^\/uploads\/([0-9a-f]{32})\/selfie\.zip$/.exec(path)?.[1]
    if (exchange.method === 'POST' && path === '/v1/upload') postUpload(world, exchange)
    else if (exchange.method === 'PUT' && upload !== undefined) putArchive(world, exchange, upload)
    else if (exchange.method === 'POST' && path === '/v1/job_status') postJobStatus(world, exchange)
    else if (!v3.serve(exchange, path))
      send(exchange.res, 404, JSON_TYPE, '{"status":"Not Found","message":"No such path."}')
    return true
  }
  return { serve, jobs: jobs.list, close: jobs.close }
}
