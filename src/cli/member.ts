import { Option, type Command } from 'commander'
import {
  findNamed,
  listMembers,
  memberRoles,
  removeMember,
  setMember,
  type MemberRole,
  type MemberRow,
} from '../identity/index.ts'
import { operator, withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { organizationOf } from './organization.ts'
import { columns, print } from './print.ts'
import { inWords } from './words.ts'

export const member: Group = (program) => {
  const group = branch(program, 'member', 'who acts for an organisation')
  ofOrganization(leaf(group, 'add', 'make a person a member, or give a member these roles instead'))
    .requiredOption('--phone <number>', 'of the person, who is registered')
    .addOption(new Option('--role <role...>', 'one or more').choices(memberRoles).makeOptionMandatory())
    .action(add)
  ofOrganization(leaf(group, 'list', 'members and their roles')).action(list)
  ofOrganization(leaf(group, 'remove', 'take a member out, at once'))
    .requiredOption('--phone <number>', 'of the member')
    .action(remove)
}

export const ofOrganization = (command: Command): Command =>
  command.option('--organization <name>', 'which one (sandbox default: the demonstration’s)')

type OfOrganization = Common & { readonly organization?: string }
type OfMember = OfOrganization & { readonly phone: string }

async function add(options: OfMember & { readonly role: readonly MemberRole[] }): Promise<void> {
  const given = { who: { phone_number: options.phone }, roles: [...new Set(options.role)] }
  const members = await withDatabase(async (db, { config }) => {
    const { id } = await organizationOf(db, config, options.organization)
    await db.tx((tx) => setMember(tx, operator(), id, given))
    return listMembers(db, id)
  })
  show(options, members)
}

async function list(options: OfOrganization): Promise<void> {
  const members = await withDatabase(async (db, { config }) =>
    listMembers(db, (await organizationOf(db, config, options.organization)).id),
  )
  show(options, members)
}

async function remove(options: OfMember): Promise<void> {
  const members = await withDatabase(async (db, { config }) => {
    const { id: organization_id } = await organizationOf(db, config, options.organization)
    await db.tx(async (tx) => {
      const person_id = await findNamed(tx, { phone_number: options.phone })
      await removeMember(tx, operator(), { organization_id, person_id })
    })
    return listMembers(db, organization_id)
  })
  show(options, members)
}

const viewOf = (row: MemberRow) => ({
  person_id: Number(row.person_id),
  full_name: `${row.first_name} ${row.last_name}`,
  phone_number: row.phone_number,
  roles: row.roles,
  is_active: row.is_active,
})

function show(options: Common, rows: readonly MemberRow[]): void {
  const members = rows.map(viewOf)
  const headings = [
    inWords({ en: 'person', fr: 'personne' }),
    inWords({ en: 'name', fr: 'nom' }),
    inWords({ en: 'phone', fr: 'téléphone' }),
    inWords({ en: 'roles', fr: 'rôles' }),
  ]
  print(options, { members }, () =>
    members.length === 0
      ? inWords({ en: 'No member.', fr: 'Aucun membre.' })
      : columns(
          headings,
          members.map((one) => [
            String(one.person_id),
            one.full_name,
            one.phone_number,
            one.roles.join(' ') + (one.is_active ? '' : inWords({ en: ' (blocked)', fr: ' (bloqué)' })),
          ]),
        ),
  )
}
