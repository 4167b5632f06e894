import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBulk } from '../../src/bulk/create.ts'
import type { Maker } from '../../src/bulk/deps.ts'
import { ensureOrganization } from '../../src/identity/index.ts'
import { createAccount, ensureConnection, type ConnectionSettings } from '../../src/payments/index.ts'
import type { Db } from '../../src/platform/db.ts'
import { withoutKey, type Completion } from '../../src/platform/http/idempotency.ts'
import { sha256 } from '../../src/platform/ids.ts'
import { openHouse, type House } from './house.ts'
import { fateOf, openOutside, type Fate, type Outside } from './rail.ts'
import type { Random } from './random.ts'
import type { Stage } from './stage.ts'

/** A file that somebody sends: its rows are the list, whatever else differs. */
export type List = { readonly name: string; readonly csv: string; readonly total: bigint }

/** What somebody was told, to be held against what is stored in the end. */
export type Told = {
  readonly who: string
  readonly use_case: string
  /** The subject: a list, a reference, a line. */
  readonly of: string
  /** The answer in words, or `refused CODE`. */
  readonly said: string
  readonly amount?: bigint
}

/** One schedule's own corner of the database: a payer, a connection, an outside world, and its lists. */
export type Scene = {
  readonly name: string
  /** Not gated: for what happens before and after. */
  readonly db: Db
  readonly stage: Stage
  readonly random: Random
  readonly outside: Outside
  readonly settings: ConnectionSettings
  readonly maker: Maker
  /** Where every batch waits for a second person. */
  readonly house: House | undefined
  readonly account_id: string
  readonly payer_number: string
  readonly opening: bigint
  readonly lists: readonly List[]
  readonly fee_cap: bigint
  readonly folder: string
  readonly told: Told[]
}

/** Virtual milliseconds; as in production, shorter. */
const settingsOf = (id: string): ConnectionSettings => ({
  id,
  lease_ms: 15_000,
  timeout_ms: 2_000,
  expiry_ms: 1_000,
  not_found_after_ms: 1_500,
  query_delays_ms: [1_000, 2_000],
  retry_delays_ms: [800, 800],
  review_after_ms: 60_000,
  window_max: 3,
  rate_per_s: 0,
  breaker_ms: 1_000,
  stop_ms: 2_000,
  poll_ms: 400,
})

const CALLBACK = 'https://example.org/told'

/** Sends a list as a customer does, outside HTTP. Answers the batch's public id; throws its refusals. */
export async function send(
  scene: Pick<Scene, 'name' | 'folder' | 'maker' | 'account_id' | 'settings' | 'fee_cap'>,
  db: Db,
  list: List,
  completion: Completion = withoutKey,
): Promise<string> {
  const path = join(scene.folder, `${scene.name}-${list.name}.csv`)
  writeFileSync(path, list.csv)
  const made = await createBulk(
    {
      db,
      limits: { max_rows: 100, max_bytes: 100_000 },
      connection: { id: scene.settings.id, fee_cap: scene.fee_cap },
      same_list_days: 20,
      same_list_warning_days: 90,
      language: 'en',
    },
    scene.maker,
    {
      path,
      sha256: sha256(list.csv),
      file_name: `${list.name}.csv`,
      payer_account: scene.account_id,
      callback: { url: CALLBACK, wanted: true },
      allow_duplicate: false,
    },
    completion,
  )
  return made.bulk_id
}

/** Lists A and B without ids; C and D with the same ids and other rows: of each two only one can be taken. */
function listsOf(n: number, random: Random): readonly List[] {
  const rows = (name: string, first: number, ids: boolean): List => {
    const many = 2 + random.below(3)
    const amounts = Array.from({ length: many }, () => BigInt(50 + random.below(100)))
    const csv = [
      ids ? 'transferId,partyIdType,partyIdentifier,currency,amount' : 'type_id,valeur_id,devise,montant',
      ...amounts.map((amount, i) => {
        const payee = `22890${String(n % 1_000).padStart(3, '0')}${String(first + i).padStart(3, '0')}`
        return `${ids ? `id-${i},` : ''}MSISDN,${payee},XOF,${amount}`
      }),
    ].join('\n')
    return { name, csv, total: amounts.reduce((sum, amount) => sum + amount, 0n) }
  }
  return [rows('A', 100, false), rows('B', 200, false), rows('C', 300, true), rows('D', 400, true)]
}

export const listNamed = (scene: Pick<Scene, 'lists'>, name: string): List => {
  const list = scene.lists.find((one) => one.name === name)
  if (list === undefined) throw new Error(`no list ${name}`)
  return list
}

/** Makes it ready: the payer with money for about two lists, and list A sent. */
export async function openScene(
  db: Db,
  stage: Stage,
  random: Random,
  place: { readonly n: number; readonly folder: string; readonly deciding: boolean },
): Promise<Scene> {
  const name = `s${place.n}`
  const settings = settingsOf(`rail-${name}`)
  const lists = listsOf(place.n, random)
  const fates = new Map<string, Fate>()
  for (const { csv } of lists)
    for (const [payee] of csv.matchAll(/22890\d+/g)) if (!fates.has(payee)) fates.set(payee, fateOf(random))
  const makes_reference = random.chance(0.2)
  const fee_cap = random.chance(0.3) ? 5n : 0n
  const account_id = `ACC-${name}`
  const payer_number = `2289999${String(place.n).padStart(4, '0')}`
  const opening = 700n + BigInt(random.below(700))
  await ensureConnection(db, settings.id, 'outside')
  const { organization, house } = await db.tx(async (tx) => {
    const { id } = await ensureOrganization(tx, `organisation ${name}`)
    await createAccount(tx, 'prove', {
      organization_id: id,
      account_id,
      party_id_type: 'MSISDN',
      party_identifier: payer_number,
      currency: 'XOF',
      opening_balance: opening,
    })
    return { organization: id, house: place.deciding ? await openHouse(tx, id, place.n) : undefined }
  })
  const people = house === undefined ? {} : { people: [house.maker] }
  return {
    name,
    db,
    stage,
    random,
    outside: openOutside(fates, makes_reference),
    settings,
    maker: { organization_id: organization, name: 'prove', ...people },
    house,
    account_id,
    payer_number,
    opening,
    lists,
    fee_cap,
    folder: place.folder,
    told: [],
  }
}
