import { openDb } from '../../../src/platform/db.ts'
import { openLog } from '../../../src/platform/log.ts'
import { openTestDriver, type TestDriverOptions } from '../payments.ts'

/** One worker in a process of its own: database, scheme adapter's port, its name, and the connection's settings. */
const [url = '', sdk_port = '', worker = '', settings = '{}'] = process.argv.slice(2)
const db = openDb({ url, role: 'cauri_app' })
const driver = await openTestDriver(
  db,
  { sdk_port: Number(sdk_port) },
  {
    worker,
    settings: JSON.parse(settings) as NonNullable<TestDriverOptions['settings']>,
    log: openLog('info'),
  },
)
process.on('SIGTERM', () => void driver.stop(3_000).then(() => db.end()))
