import {
  createOrganization,
  findOrganizationByName,
  listOrganizations,
  type Organization,
} from '../identity/index.ts'
import type { Config } from '../platform/config.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { organizationName } from './account.ts'
import { operator, withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { columns, print } from './print.ts'
import { inWords } from './words.ts'

export const organization: Group = (program) => {
  const group = branch(program, 'organization', 'organisations')
  leaf(group, 'create', 'make an organisation; give it members next').argument('<name>').action(create)
  leaf(group, 'list', 'organisations, oldest first').action(list)
}

const viewOf = ({ id, name }: Organization) => ({ id: Number(id), name })

async function create(name: string, options: Common): Promise<void> {
  const made = await withDatabase((db) =>
    db.tx((tx) => createOrganization(tx, operator(), { name: name.trim(), members: [] })),
  )
  print(options, viewOf(made), () =>
    inWords({
      en: `${made.name} (${made.id}). Give it a treasurer next:\n  cauri member add --organization '${made.name}' --phone … --role TRESORIER`,
      fr: `${made.name} (${made.id}). Donnez-lui un trésorier :\n  cauri member add --organization '${made.name}' --phone … --role TRESORIER`,
    }),
  )
}

async function list(options: Common): Promise<void> {
  const all = (await withDatabase((db) => listOrganizations(db, null))).map(viewOf)
  const headings = ['id', inWords({ en: 'organisation', fr: 'organisation' })]
  print(options, { organizations: all }, () =>
    all.length === 0
      ? inWords({ en: 'No organisation.', fr: 'Aucune organisation.' })
      : columns(
          headings,
          all.map(({ id, name }) => [String(id), name]),
          ['id'],
        ),
  )
}

/** The organisation of that name; in the sandbox the demonstration's, where none is named. */
export async function organizationOf(
  db: Db,
  config: Config,
  given: string | undefined,
): Promise<Organization> {
  const name = await organizationName(given, config)
  const found = await findOrganizationByName(db, name)
  if (found === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND', { members: { organization: name } })
  return found
}
