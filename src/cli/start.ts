import { InvalidArgumentError } from 'commander'
import type { Group } from './group.ts'

const ROLES = ['api', 'worker']

function readRoles(text: string): ReadonlySet<string> {
  const roles = text.split(',').map((role) => role.trim())
  const unknown = roles.filter((role) => !ROLES.includes(role))
  if (unknown.length > 0) throw new InvalidArgumentError(`The roles are ${ROLES.join(', ')}.`)
  return new Set(roles)
}

/** The process itself. It has no --json: what it says is its log, JSON already, and the line `ready`. */
export const start: Group = (program) => {
  program
    .command('start')
    .description('start Cauri, as npm start does; it runs until SIGTERM or Ctrl-C')
    .option('--role <roles>', 'api, worker, or both separated by a comma', readRoles, new Set(ROLES))
    .action(async ({ role }: { role: ReadonlySet<string> }) => {
      const cauri = await import('../start.ts')
      await cauri.start(process.env, role).catch((error: unknown) => {
        process.stderr.write(`cauri: ${error instanceof Error ? error.message : String(error)}\n`)
        process.exit(1) // something that did start may keep the process alive
      })
    })
}
