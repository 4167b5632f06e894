import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  findPersonByPhone,
  forgiveCodes,
  giveRoles,
  listPeople,
  personRoles,
  resetSecondFactor,
  setActive,
  type Changer,
  type ListedPerson,
  type PersonRole,
} from '../identity/index.ts'
import type { Reader, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { parsePhone } from '../platform/phone.ts'
import { operator, withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { columns, print } from './print.ts'
import { inWords, type Sentence } from './words.ts'

export const user: Group = (program) => {
  const group = branch(program, 'user', 'people who sign in')
  leaf(group, 'list', 'people, newest first')
    .addOption(new Option('--role <role>', 'only those with it').choices(personRoles))
    .option('--search <text>', 'a part of the number, the name or the e-mail')
    .option('--disabled', 'only those who are disabled')
    .action(list)
  ofPerson(
    leaf(group, 'disable', 'end the sign-ins of a person and refuse new ones; nothing is deleted'),
  ).action(
    act((tx, by, person_id) => setActive(tx, by, { person_id, is_active: false }), {
      en: 'is disabled',
      fr: 'est désactivé',
    }),
  )
  ofPerson(leaf(group, 'enable', 'let a person sign in again')).action(
    act((tx, by, person_id) => setActive(tx, by, { person_id, is_active: true }), {
      en: 'may sign in',
      fr: 'peut se connecter',
    }),
  )
  ofPerson(leaf(group, 'reset-mfa', 'take the second factor away from somebody who has lost it')).action(
    act(resetSecondFactor, { en: 'has no second factor', fr: 'n’a pas de second facteur' }),
  )
  ofPerson(
    leaf(group, 'unlock', 'forget the wrong codes in a row of somebody whose codes are locked'),
  ).action(act(forgiveCodes, { en: 'may try the next code', fr: 'peut essayer le prochain code' }))
  ofPerson(leaf(group, 'roles', 'give a person exactly these roles'))
    .argument('<roles...>', personRoles.join(', '), readRoles)
    .action((who: string, roles: readonly PersonRole[], options: ByOptions) =>
      act((tx, by, person_id) => giveRoles(tx, by, { person_id, roles }), {
        en: `is ${roles.join(', ')}`,
        fr: `est ${roles.join(', ')}`,
      })(who, options),
    )
}

type ByOptions = Common & { readonly by?: string }

/** A command about one person. */
const ofPerson = (command: Command): Command =>
  command
    .argument('<person>', 'the number of the person, or the phone number with its +')
    .option('--by <name>', 'who decides, for the audit trail (default: the user of this machine)')

function readRoles(text: string, before: readonly PersonRole[] = []): readonly PersonRole[] {
  const role = personRoles.find((one) => one === text)
  if (role === undefined) throw new InvalidArgumentError(`One of ${personRoles.join(', ')} is needed.`)
  return before.includes(role) ? before : [...before, role]
}

/** By number or by phone. Refuses PERSON_NOT_FOUND and PHONE_INVALID. */
async function personOf(db: Reader, who: string): Promise<bigint> {
  if (/^[1-9]\d{0,14}$/.test(who)) return BigInt(who)
  const found = await findPersonByPhone(db, parsePhone(who).number)
  if (found === undefined) throw new Refusal('PERSON_NOT_FOUND')
  return found.id
}

/** Does it in the operator's name, and says what the person is now. */
const act =
  (work: (tx: Tx, by: Changer, person_id: bigint) => Promise<unknown>, now: Sentence) =>
  async (who: string, options: ByOptions): Promise<void> => {
    const by: Changer = { name: options.by ?? operator(), person_id: undefined }
    const id = await withDatabase(async (db) => {
      const person_id = await personOf(db, who)
      await db.tx((tx) => work(tx, by, person_id))
      return person_id
    })
    print(options, { id: Number(id), done: true }, () =>
      inWords({ en: `Person ${id} ${now.en}.`, fr: `La personne ${id} ${now.fr}.` }),
    )
  }

const MOST_ROWS = 1_000

type ListOptions = Common & {
  readonly role?: PersonRole
  readonly search?: string
  readonly disabled?: true
}

async function list(options: ListOptions): Promise<void> {
  const filter = {
    role: options.role ?? null,
    kyc_status: null,
    is_active: options.disabled === true ? false : null,
    search: options.search ?? null,
  }
  const people = await withDatabase((db) =>
    listPeople(db, filter, { below: null, limit: MOST_ROWS, offset: 0 }),
  )
  const views = people.map(viewOf)
  print(options, { users: views }, () => tableOf(views))
}

const viewOf = (one: ListedPerson) => ({
  id: Number(one.id),
  phone_number: one.phone_number,
  full_name: `${one.first_name} ${one.last_name}`,
  roles: one.roles,
  is_active: one.is_active,
  kyc_status: one.kyc_status,
  has_second_factor: one.has_second_factor,
  created_at: one.created_at.toISOString(),
})

function tableOf(views: readonly ReturnType<typeof viewOf>[]): string {
  if (views.length === 0) return inWords({ en: 'Nobody.', fr: 'Personne.' })
  const headings = [
    { en: 'person', fr: 'personne' },
    { en: 'phone', fr: 'téléphone' },
    { en: 'name', fr: 'nom' },
    { en: 'roles', fr: 'rôles' },
    { en: 'may sign in', fr: 'peut se connecter' },
    { en: 'second factor', fr: 'second facteur' },
  ].map(inWords)
  const [yes, no] = [inWords({ en: 'yes', fr: 'oui' }), inWords({ en: 'no', fr: 'non' })]
  const rows = views.map((one) => [
    String(one.id),
    one.phone_number,
    one.full_name,
    one.roles.join(' '),
    one.is_active ? yes : no,
    one.has_second_factor ? yes : no,
  ])
  return columns(headings, rows, [headings[0] ?? ''])
}
