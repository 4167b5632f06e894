import { findOrganizationByName } from '../identity/index.ts'
import { Refusal } from '../platform/errors.ts'
import { toJson } from '../platform/money.ts'
import { webhookSecret } from '../webhooks/index.ts'
import { organizationName } from './account.ts'
import { withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { keptKey } from './kept-key.ts'
import { print } from './print.ts'

export const webhooks: Group = (program) => {
  const group = branch(program, 'webhooks', 'outgoing signed events')
  leaf(group, 'secret', 'the secret that an organisation’s events are signed with; keep it to yourself')
    .option('--organization <name>', 'whose (sandbox default: the demonstration’s)')
    .action(secret)
}

async function secret(options: Common & { readonly organization?: string }): Promise<void> {
  const found = await withDatabase(async (db, { config }) => {
    const name = await organizationName(options.organization, config)
    const organization = await findOrganizationByName(db, name)
    if (organization === undefined)
      throw new Refusal('ORGANIZATION_NOT_FOUND', { members: { organization: name } })
    return { organization, key: config.SECRET_KEY ?? (await keptKey(config)) }
  })
  const { id, name } = found.organization
  const value = webhookSecret(found.key, id)
  print(options, { organization_id: toJson(id), organization: name, secret: value }, () => value)
}
