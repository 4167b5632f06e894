/** Starts the embedded server of the folder given, says so on one line, and stops it on SIGTERM. */
import { startPostgres } from '../../../src/platform/postgres/index.ts'

const postgres = await startPostgres({ home: process.argv[2] ?? '' })
// Before the line: who reads it may send the signal at once.
process.once('SIGTERM', () => void postgres.stop().then(() => console.log('stopped')))
console.log(`ready ${postgres.attached ? 'attached' : 'started'} ${postgres.url}`)
