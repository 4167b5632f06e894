import { ensureOrganization, putMember } from '../../src/identity/index.ts'
import { DEMO_ORGANIZATION } from '../../src/wiring.ts'
import { furnish, type Furnished } from './furnish.ts'
import { FOREIGN_ACCOUNT } from '../harness/foreign.ts'
import { sendDocument } from '../harness/kyc.ts'
import { registerPerson } from '../harness/people.ts'
import { sql } from '../../src/platform/db.ts'
import type { TestServer } from '../harness/server.ts'
import type { Described } from './routes.ts'

type Ids = Readonly<Record<string, string>>

/** What stands for a route's parameters. */
export type Row = {
  /** An object of the callers' own organisation. */
  readonly own: Ids
  /** One of another organisation or person; undefined where the route has no object of somebody. */
  readonly foreign: Ids | undefined
  /** None that exists. */
  readonly unknown: Ids
  /** A body that the schema lets through. */
  readonly body: object | undefined
  /** Callers to whom the foreign object is none: they may see everybody's. */
  readonly see_all: readonly string[]
}

export type Objects = { readonly of: (route: Described) => Row }

type Given = {
  readonly batch: { readonly own: string; readonly foreign: string }
  readonly account: string
}

const none: Row = { own: {}, foreign: undefined, unknown: {}, body: undefined, see_all: [] }

/**
 * The objects of each route with parameters. A new route with a parameter that no row here knows fails: somebody must say
 * which object is whose.
 */
export async function openObjects(server: TestServer, { batch, account }: Given): Promise<Objects> {
  const transfer = {
    own: await firstLine(server, batch.own),
    foreign: await firstLine(server, batch.foreign),
  }
  // Somebody whom no caller of the test is.
  const { id, access } = await registerPerson(server)
  const { id: session } = await server.db.one<{ id: string }>(sql`
    select id from identity_sessions where person_id = ${id}`)
  const { own: house, foreign: other } = await furnished(server)
  const rows: readonly (readonly [path: RegExp, row: Partial<Row>])[] = [
    [
      /^\/api\/bulk-transfers\/\{id\}\/lines\//,
      {
        own: { id: batch.own, transferId: transfer.own },
        foreign: { id: batch.foreign, transferId: transfer.foreign },
        unknown: { id: 'bulk-unknown', transferId: transfer.foreign },
      },
    ],
    [
      /^\/api\/bulk-transfers\/\{id\}\/(approve|reject)/,
      {
        own: { id: batch.own },
        foreign: { id: batch.foreign },
        unknown: { id: 'bulk-unknown' },
        body: { list_hash: 'x', reason: 'x' },
      },
    ],
    [
      /^\/api\/bulk-transfers\/\{id\}/,
      { own: { id: batch.own }, foreign: { id: batch.foreign }, unknown: { id: 'bulk-unknown' } },
    ],
    [
      /^\/api\/api-keys\/\{id\}/,
      { own: { id: house.key }, foreign: { id: other.key }, unknown: { id: '0'.repeat(12) } },
    ],
    [
      /^\/api\/service-accounts\/\{id\}/,
      {
        own: { id: house.service_account },
        foreign: { id: other.service_account },
        unknown: { id: '999999' },
      },
    ],
    [
      /^\/api\/organizations\/\{id\}/,
      {
        own: inOrganization(house.organization, house),
        foreign: inOrganization(other.organization, other),
        unknown: inOrganization('999999', house),
        body: { roles: ['SUPERVISEUR'], approval_over: 5, phone_number: '+237699000001' },
        see_all: ['ADMIN'],
      },
    ],
    [
      /^\/api\/core\/proposals\/\{proposal_id\}/,
      { own: { proposal_id: house.proposal }, unknown: noProposal },
    ],
    [
      /^\/api\/accounts\/\{account_id\}\/top-ups\/\{id\}/,
      {
        own: { account_id: account, id: house.top_up },
        foreign: { account_id: FOREIGN_ACCOUNT, id: other.top_up },
        unknown: { account_id: 'ACC-UNKNOWN', id: other.top_up },
      },
    ],
    [
      /^\/api\/accounts\/\{account_id\}/,
      {
        own: { account_id: account },
        foreign: { account_id: FOREIGN_ACCOUNT },
        unknown: { account_id: 'ACC-UNKNOWN' },
        body: { amount: 1, reference: 'matrix' },
      },
    ],
    [
      /^\/api\/transfers\/\{transferId\}/,
      {
        own: { transferId: transfer.own },
        foreign: { transferId: transfer.foreign },
        unknown: { transferId: 'nothing-of-this-name' },
        body: { currentState: 'COMPLETED' },
      },
    ],
    [
      /^\/api\/auth\/sessions\/\{session_id\}/,
      { own: { session_id: 'ses-x' }, foreign: { session_id: session }, unknown: { session_id: 'ses-y' } },
    ],
    [
      /^\/api\/notifications\/\{id\}\/read/,
      { own: { id: '999998' }, foreign: { id: await notification(server, id) }, unknown: { id: '999999' } },
    ],
    [
      /^\/api\/auth\/kyc\/documents\/\{id\}\/content/,
      {
        own: { id: `doc-${'0'.repeat(26)}` },
        foreign: { id: await document(server, access) },
        unknown: { id: `doc-${'1'.repeat(26)}` },
        see_all: ['ADMIN'],
      },
    ],
    // What follows belongs to nobody but the installation.
    [
      /^\/api\/auth\/admin\/(users|role-changes|erasures)\/\{id\}/,
      { own: { id: String(id) }, unknown: { id: '999999' } },
    ],
    [
      /^\/api\/auth\/admin\/kyc\/\{user_id\}\//,
      { own: { user_id: String(id) }, unknown: { user_id: '999999' } },
    ],
    [/^\/api\/audit\/proof\/inclusion\/\{id\}/, { own: { id: '1' }, unknown: { id: '999999' } }],
  ]
  return {
    of: (route) => {
      if (route.params.length === 0) return none
      const row = rows.find(([path]) => path.test(route.path))?.[1]
      if (row === undefined)
        throw new Error(`${route.path}: say in test/security/objects.ts whose objects these are`)
      return { ...none, ...row }
    },
  }
}

const noProposal = { proposal_id: `prp-${'0'.repeat(26)}` }

const inOrganization = (id: string, { member, invitation, proposal }: Furnished): Ids => ({
  id,
  person_id: member,
  invitation_id: invitation,
  proposal_id: proposal,
})

type Both = Readonly<Record<'own' | 'foreign', Furnished & { readonly organization: string }>>

/** One of everything for the demo organisation and for another one, each with a member whom no caller of the test is. */
async function furnished(server: TestServer): Promise<Both> {
  const house = async (name: string): Promise<Both['own']> => {
    const { id: person_id } = await registerPerson(server)
    const organization_id = await server.db.tx(async (tx) => {
      const { id } = await ensureOrganization(tx, name)
      await putMember(tx, { organization_id: id, person_id, roles: ['SUPERVISEUR'] })
      return id
    })
    const has = await furnish(server.db, { organization_id, person_id })
    return { ...has, organization: String(organization_id) }
  }
  return { own: await house(DEMO_ORGANIZATION), foreign: await house('Une autre caisse') }
}

const notification = async ({ db }: TestServer, person_id: bigint): Promise<string> =>
  String(
    (
      await db.one<{ id: bigint }>(sql`
        insert into notifications_in_app (person_id, kind, title, text)
        values (${person_id}, 'batch_finished', 'Lot terminé', 'Votre lot est terminé.') returning id`)
    ).id,
  )

async function document(server: TestServer, access: string): Promise<string> {
  const { body } = await sendDocument(server, access, 'PROOF_OF_ADDRESS')
  return String(body.id)
}

const firstLine = async ({ db }: TestServer, bulk_id: string): Promise<string> =>
  (
    await db.one<{ transfer_id: string }>(sql`
      select l.transfer_id from payments_lines l join bulk_batches b on b.id = l.batch_id
      where b.bulk_id = ${bulk_id} order by l.seq limit 1`)
  ).transfer_id
