import { InvalidArgumentError, Option } from 'commander'
import {
  createKey,
  keyScopes,
  listKeys,
  revokeKey,
  rotateKey,
  type KeyMaker,
  type KeyRow,
  type ShownKey,
} from '../identity/index.ts'
import { isNetwork } from '../platform/config-values.ts'
import type { Tx } from '../platform/db.ts'
import { operator, withDatabase } from './database.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { ofOrganization } from './member.ts'
import { organizationOf } from './organization.ts'
import { columns, print } from './print.ts'
import { inWords } from './words.ts'

const DAY_S = 86_400

export const key: Group = (program) => {
  const group = branch(program, 'key', 'API keys of programs')
  ofOrganization(leaf(group, 'create', 'make a key; its secret is shown once'))
    .requiredOption('--service-account <name>', 'the program that owns it; made when it is new')
    .addOption(
      new Option('--scope <scope...>', 'what it may do, one or more')
        .choices(keyScopes)
        .makeOptionMandatory(),
    )
    .option('--address <network...>', 'where it may be used from, such as 10.0.0.0/8 (default: anywhere)')
    .option('--expires <time>', 'until when, ISO 8601 (default: until it is revoked)', readTime)
    .action(create)
  ofOrganization(leaf(group, 'list', 'keys, newest first; never their secrets')).action(list)
  ofOrganization(leaf(group, 'rotate', 'give a key a new secret'))
    .argument('<id>', 'as key list shows it')
    .option('--grace <seconds>', 'how long the old one lives (default: a day)', readSeconds, DAY_S)
    .action(rotate)
  ofOrganization(leaf(group, 'revoke', 'end a key at once'))
    .argument('<id>', 'as key list shows it')
    .action(revoke)
}

function readTime(text: string): Date {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidArgumentError('A time such as 2027-12-31T00:00:00Z is needed.')
  return new Date(time)
}

function readSeconds(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= 30 * DAY_S) return Number(text)
  throw new InvalidArgumentError('A number of seconds is needed, at most 30 days.')
}

type OfOrganization = Common & { readonly organization?: string }

/** Does it as the operator of this machine, who is nobody's person. */
const asOperator = <T>(
  { organization }: OfOrganization,
  work: (tx: Tx, maker: KeyMaker, mode: 'live' | 'test') => Promise<T>,
): Promise<T> =>
  withDatabase(async (db, { config }) => {
    const { id } = await organizationOf(db, config, organization)
    const maker = { organization_id: id, name: operator(), person_id: null }
    return db.tx((tx) => work(tx, maker, config.CAURI_MODE === 'production' ? 'live' : 'test'))
  })

type CreateOptions = OfOrganization & {
  readonly serviceAccount: string
  readonly scope: readonly string[]
  readonly address?: readonly string[]
  readonly expires?: Date
}

async function create(options: CreateOptions): Promise<void> {
  const wanted = {
    service_account: options.serviceAccount,
    scopes: options.scope,
    addresses: readNetworks(options.address ?? []),
    expires_at: options.expires ?? null,
  }
  showSecret(
    options,
    await asOperator(options, (tx, maker, key_mode) => createKey(tx, { key_mode }, maker, wanted)),
  )
}

function readNetworks(entries: readonly string[]): readonly string[] {
  const wrong = entries.find((entry) => !isNetwork(entry))
  if (wrong === undefined) return entries
  throw new InvalidArgumentError(`${wrong} is neither an address nor a network such as 10.0.0.0/8.`)
}

async function list(options: OfOrganization): Promise<void> {
  const rows = await asOperator(options, (tx, { organization_id }) => listKeys(tx, organization_id))
  const keys = rows.map(viewOf)
  const headings = [
    inWords({ en: 'key', fr: 'clé' }),
    inWords({ en: 'program', fr: 'programme' }),
    inWords({ en: 'scopes', fr: 'droits' }),
    inWords({ en: 'last used', fr: 'dernier usage' }),
    inWords({ en: 'state', fr: 'état' }),
  ]
  print(options, { keys }, () =>
    keys.length === 0
      ? inWords({ en: 'No key.', fr: 'Aucune clé.' })
      : columns(
          headings,
          keys.map((one) => [
            one.id,
            one.service_account,
            one.scopes.join(' '),
            one.last_used_at?.slice(0, 16).replace('T', ' ') ?? '—',
            stateOf(one),
          ]),
        ),
  )
}

function stateOf({ is_good, is_known_outside }: Pick<KeyRow, 'is_good' | 'is_known_outside'>): string {
  if (!is_good) return inWords({ en: 'ended', fr: 'terminée' })
  if (!is_known_outside) return inWords({ en: 'good', fr: 'valable' })
  return inWords({
    en: 'good; known to who has left: rotate it',
    fr: 'valable ; connue de qui est parti : renouvelez-la',
  })
}

async function rotate(id: string, options: OfOrganization & { readonly grace: number }): Promise<void> {
  const wanted = { public_id: id, grace_s: options.grace }
  showSecret(options, await asOperator(options, (tx, maker) => rotateKey(tx, maker, wanted)))
}

async function revoke(id: string, options: OfOrganization): Promise<void> {
  const row = await asOperator(options, (tx, maker) => revokeKey(tx, maker, id))
  print(options, viewOf(row), () => inWords({ en: `${id} has ended.`, fr: `${id} est terminée.` }))
}

const viewOf = (row: KeyRow) => ({
  id: row.public_id,
  service_account: row.service_account,
  mode: row.mode,
  scopes: row.scopes,
  addresses: row.addresses,
  created_by: row.created_by,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
  revoked_at: row.revoked_at?.toISOString() ?? null,
  last_used_at: row.last_used_at?.toISOString() ?? null,
  last_address: row.last_address,
  is_good: row.is_good,
  is_known_outside: row.is_known_outside,
})

function showSecret(options: Common, { key: row, secret }: ShownKey): void {
  print(options, { ...viewOf(row), secret }, () =>
    inWords({
      en: `${secret}\nKeep it now: it is not shown again. In the trail it is key:${row.public_id}.`,
      fr: `${secret}\nConservez-la maintenant : elle ne sera plus montrée. Dans la piste d’audit : key:${row.public_id}.`,
    }),
  )
}
