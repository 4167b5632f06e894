import type { Route } from '../platform/http/route.ts'
import type { BulkDeps } from './deps.ts'
import { approveRoutes } from './routes/approve.ts'
import { liveRoutes } from './routes/live.ts'
import { readRoutes } from './routes/read.ts'
import { writeRoutes } from './routes/write.ts'

/** Every route of bulk transfers, as data. */
export const bulkRoutes = (deps: BulkDeps): readonly Route[] => [
  ...writeRoutes(deps),
  ...approveRoutes(deps),
  ...readRoutes,
  ...liveRoutes(deps),
]
