import type { Route } from '../platform/http/route.ts'
import type { BulkDeps } from './deps.ts'
import { liveRoutes } from './routes/live.ts'
import { readRoutes } from './routes/read.ts'
import { writeRoutes } from './routes/write.ts'

/** Every route of bulk transfers, as data. */
export const bulkRoutes = (deps: BulkDeps): readonly Route[] => [
  ...writeRoutes(deps),
  ...readRoutes,
  ...liveRoutes(deps),
]
