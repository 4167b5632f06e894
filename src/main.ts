import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { start } from './start.ts'

// V8 would let what a payment leaves behind grow to several times what is alive before it collects it: 100 MB more of
// resident memory for no speed that we could measure. (Its nursery, which only the command line can bound, is bounded in
// the start script of package.json: 30 MB less, by the same measurement.)
setFlagsFromString('--heap-growing-percent=50')

const usage = 'usage: npm start [-- --role api,worker]'

try {
  const { values } = parseArgs({ options: { role: { type: 'string' } } })
  const roles = (values.role ?? 'api,worker').split(',')
  const unknown = roles.filter((role) => role !== 'api' && role !== 'worker')
  if (unknown.length > 0) throw new Error(`unknown role ${unknown.join(', ')}; ${usage}`)
  await start(process.env, new Set(roles))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
