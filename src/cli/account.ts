import { InvalidArgumentError, Option, type Command } from 'commander'
import { ensureOrganization, findOrganization, findOrganizationByName } from '../identity/index.ts'
import { createAccount, findAccount, listAccounts, type PayerAccount } from '../payments/index.ts'
import type { Config } from '../platform/config.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { MAX_AMOUNT, currencies, toJson, type Currency } from '../platform/money.ts'
import { partyTypes, type PartyType } from '../platform/party.ts'
import { operator, withDatabase } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { columns, print } from './print.ts'
import { Stop } from './stop.ts'
import { inWords, money } from './words.ts'

export const account: Group = (program) => {
  const group = branch(program, 'account', 'payer accounts')
  addCreate(group)
  leaf(group, 'list', 'payer accounts with their money')
    .option('--organization <name>', 'only those of this organisation')
    .action(list)
}

type CreateOptions = Common & {
  readonly partyIdType: PartyType
  readonly partyIdentifier: string
  readonly accountId: string
  readonly balance: bigint
  readonly currency: Currency
  readonly organization?: string
}

function addCreate(group: Command): void {
  leaf(group, 'create', 'open a payer account; its balance is booked in the ledger')
    .addOption(
      new Option('--party-id-type <type>', 'how the payer is named')
        .choices(partyTypes)
        .makeOptionMandatory(),
    )
    .requiredOption('--party-identifier <text>', 'the payer’s own identifier, such as its number', readName)
    .requiredOption('--account-id <id>', 'such as ACC-123456789', readName)
    .addOption(
      new Option('--balance <francs>', 'opening balance, whole minor units (francs)')
        .argParser(readAmount)
        .default(0n, '0'),
    )
    .addOption(
      new Option('--currency <code>', 'ISO 4217').choices(Object.keys(currencies)).makeOptionMandatory(),
    )
    .option('--organization <name>', 'its owner, made when it is new (sandbox default: the demonstration’s)')
    .action(create)
}

function readName(text: string): string {
  if (/^[A-Za-z0-9@._+-]{1,128}$/.test(text)) return text
  throw new InvalidArgumentError('1 to 128 letters, digits or @._+- are needed.')
}

function readAmount(text: string): bigint {
  const amount = /^\d{1,16}$/.test(text) ? BigInt(text) : -1n
  if (amount >= 0n && amount <= MAX_AMOUNT) return amount
  throw new InvalidArgumentError('A whole number of minor units is needed, digits only.')
}

async function create(options: CreateOptions): Promise<void> {
  await withDatabase(async (db, { config }) => {
    const name = await organizationName(options.organization, config)
    const made = await db.tx(async (tx) => {
      const organization = await ensureOrganization(tx, name)
      await createAccount(tx, operator(), {
        organization_id: organization.id,
        account_id: options.accountId,
        party_id_type: options.partyIdType,
        party_identifier: options.partyIdentifier,
        currency: options.currency,
        opening_balance: options.balance,
      })
      return findAccount(tx, organization.id, options.accountId)
    })
    print(options, viewOf(made, name), () =>
      inWords({
        en: `${made.account_id} of ${name}: ${money(made.balance, made.currency)} available`,
        fr: `${made.account_id} de ${name} : ${money(made.balance, made.currency)} disponibles`,
      }),
    )
  })
}

/** Where nobody is named, only the sandbox knows whom it is about. */
export async function organizationName(given: string | undefined, config: Config): Promise<string> {
  if (given !== undefined && given.trim() !== '') return given.trim()
  if (config.CAURI_MODE === 'sandbox') return (await import('../app.ts')).DEMO_ORGANIZATION
  throw new Stop(exits.usage, {
    en: '--organization is needed in production',
    fr: '--organization est obligatoire en production',
  })
}

const PAGE = 200

async function list(options: Common & { readonly organization?: string }): Promise<void> {
  const accounts = await withDatabase(async (db) => {
    const organization = await organizationId(db, options.organization)
    const found: { readonly account: PayerAccount; readonly organization: string }[] = []
    const names = new Map<bigint, string>()
    for (let after = 0n; ;) {
      const page = await listAccounts(db, organization, { after, limit: PAGE })
      for (const one of page) {
        const owner = one.organization_id
        if (!names.has(owner)) names.set(owner, (await findOrganization(db, owner))?.name ?? '')
        found.push({ account: one, organization: names.get(owner) ?? '' })
      }
      after = page.at(-1)?.id ?? after
      if (page.length < PAGE) return found
    }
  })
  const views = accounts.map((one) => viewOf(one.account, one.organization))
  print(options, { accounts: views }, () => tableOf(views))
}

async function organizationId(db: Db, name: string | undefined): Promise<bigint | null> {
  if (name === undefined) return null
  const found = await findOrganizationByName(db, name)
  if (found === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND', { members: { organization: name } })
  return found.id
}

type AccountView = ReturnType<typeof viewOf>

const viewOf = (one: PayerAccount, organization: string) => ({
  account_id: one.account_id,
  organization,
  party_id_type: one.party_id_type,
  party_identifier: one.party_identifier,
  currency: one.currency,
  balance: toJson(one.balance),
  reserved: toJson(one.reserved),
  available: toJson(one.available),
  created_at: one.created_at.toISOString(),
})

function tableOf(views: readonly AccountView[]): string {
  if (views.length === 0) return inWords({ en: 'No account.', fr: 'Aucun compte.' })
  const [available, reserved] = [
    inWords({ en: 'available', fr: 'disponible' }),
    inWords({ en: 'reserved', fr: 'réservé' }),
  ]
  const headings = [
    inWords({ en: 'account', fr: 'compte' }),
    available,
    reserved,
    inWords({ en: 'organisation', fr: 'organisation' }),
  ]
  const rows = views.map((view) => [
    view.account_id,
    money(view.available, view.currency),
    money(view.reserved, view.currency),
    view.organization,
  ])
  return columns(headings, rows, [available, reserved])
}
