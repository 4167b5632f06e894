import { enableCompileCache } from 'node:module'
import { Command, type CommanderError } from 'commander'
import { exits } from './exits.ts'
import type { Group } from './group.ts'

enableCompileCache() // a command line is started often; the second start reads what the first one compiled

/** A group's file is read only when its word is used: `cauri sql` need not load what uploads a file. */
const groups: Readonly<Record<string, () => Promise<Group>>> = {
  start: async () => (await import('./start.ts')).start,
  migrate: async () => (await import('./migrate.ts')).migrate,
  account: async () => (await import('./account.ts')).account,
  organization: async () => (await import('./organization.ts')).organization,
  member: async () => (await import('./member.ts')).member,
  key: async () => (await import('./key.ts')).key,
  bulk: async () => (await import('./bulk.ts')).bulk,
  ledger: async () => (await import('./ledger.ts')).ledger,
  payments: async () => (await import('./payments.ts')).payments,
  rails: async () => (await import('./rails.ts')).rails,
  audit: async () => (await import('./audit.ts')).audit,
  jobs: async () => (await import('./jobs.ts')).jobs,
  sql: async () => (await import('./sql.ts')).sqlCommand,
  createsuperuser: async () => (await import('./superuser.ts')).createsuperuser,
  user: async () => (await import('./user.ts')).user,
  keys: async () => (await import('./keys.ts')).keys,
  webhooks: async () => (await import('./webhooks.ts')).webhooks,
}

const args = process.argv.slice(2)
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit() // whoever read us has read enough
  throw error
})

try {
  const program = new Command('cauri')
    .description('Self-hosted payments for mobile money. Exit codes and JSON: docs/reference/cli.md')
    .exitOverride((end) => {
      throw end
    })
    .configureOutput({ outputError: () => undefined })
  const asked = groups[args[0] ?? '']
  const loaded = asked === undefined ? Object.values(groups) : [asked]
  for (const load of loaded) (await load())(program)
  await program.parseAsync(args, { from: 'user' })
} catch (error) {
  // The edge of the command line: whatever went wrong becomes one sentence and an exit code.
  process.exitCode = isHelp(error) ? exits.ok : (await import('./trouble.ts')).tell(error, args)
}

function isHelp(error: unknown): boolean {
  const code = error instanceof Error ? (error as Partial<CommanderError>).code : undefined
  return code === 'commander.helpDisplayed' || code === 'commander.version'
}
