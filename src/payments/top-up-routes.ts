import { z } from 'zod'
import { may } from '../identity/index.ts'
import { peopleBehind, type Actor } from '../platform/context.ts'
import { Refusal } from '../platform/errors.ts'
import { defineRoute, type Route } from '../platform/http/route.ts'
import { MAX_AMOUNT, toJson } from '../platform/money.ts'
import { accountParams, accountSchema, accountView, amount, organizationOf } from './account-view.ts'
import { findAccount, topUp } from './account.ts'
import { listTopUps, topUpStates, type TopUpRow } from './sql/top-ups.ts'
import { decideTopUp, proposeTopUp, type Confirmer, type Proposer } from './top-up.ts'

const common = { tags: ['accounts'] } as const
const topUpSchema = z
  .object({
    id: z.string(),
    account_id: z.string(),
    amount,
    reference: z.string(),
    state: z.enum(topUpStates).describe('PROPOSED: nothing has moved'),
    proposed_by: z.string(),
    created_at: z.iso.datetime(),
    decided_by: z.string().nullable(),
    decided_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'TopUp' })

const topUpView = (row: TopUpRow, account_id: string): z.output<typeof topUpSchema> => ({
  id: row.id,
  account_id,
  amount: toJson(row.amount),
  reference: row.reference,
  state: row.state,
  proposed_by: row.proposed_by,
  created_at: row.created_at.toISOString(),
  decided_by: row.decided_by,
  decided_at: row.decided_at?.toISOString() ?? null,
})

const proposerOf = (actor: Actor): Proposer => ({
  name: actor.kind === 'organization' ? actor.name : 'nobody',
  people: peopleBehind(actor),
})

const topUpRoute = (rail: string): Route =>
  defineRoute({
    ...common,
    method: 'POST',
    path: '/api/accounts/:account_id/top-ups',
    operation_id: 'topUpAccount',
    summary: 'Book money that arrived (in production: propose it); the reference is unique per account',
    access: may('accounts.top_up'),
    params: accountParams,
    body: z.strictObject({
      amount: z.int().min(1).max(Number(MAX_AMOUNT)),
      reference: z.string().regex(/^[A-Za-z0-9@._+-]{1,100}$/),
    }),
    response: { 200: accountSchema, 201: accountSchema, 202: topUpSchema },
    refusals: ['PAYER_ACCOUNT_NOT_FOUND', 'TOP_UP_REFERENCE_REUSED', 'AMOUNT_INVALID'],
    idempotent: true,
    handle: async ({ ctx, actor, params, body, idempotency }) => {
      const organization = organizationOf(actor)
      const money = { amount: BigInt(body.amount), reference: body.reference }
      const by = proposerOf(actor)
      return ctx.db.tx(async (tx) => {
        const account = await findAccount(tx, organization, params.account_id)
        if (account.balance + money.amount > MAX_AMOUNT) throw new Refusal('AMOUNT_INVALID')
        if (ctx.config.CAURI_MODE === 'production') {
          const { top_up } = await proposeTopUp(tx, by, account, money)
          const proposed = { status: 202, body: topUpView(top_up, params.account_id) } as const
          await idempotency.complete(tx, proposed)
          return proposed
        }
        const booked = await topUp(tx, by.name, account, { ...money, rail })
        const view = accountView(await findAccount(tx, organization, params.account_id))
        const answer = { status: booked ? 201 : 200, body: view } as const
        await idempotency.complete(tx, answer)
        return answer
      })
    },
  })

const listRoute = defineRoute({
  ...common,
  method: 'GET',
  path: '/api/accounts/:account_id/top-ups',
  operation_id: 'listTopUps',
  summary: 'Money that was said to have arrived, and who decided, newest first',
  access: may('accounts.read'),
  params: accountParams,
  query: z.object({ state: z.enum(topUpStates).optional() }),
  response: { 200: z.object({ top_ups: z.array(topUpSchema) }) },
  refusals: ['PAYER_ACCOUNT_NOT_FOUND'],
  handle: async ({ ctx, actor, params, query }) => {
    const account = await findAccount(ctx.db, organizationOf(actor), params.account_id)
    const rows = await listTopUps(ctx.db, account.id, query.state ?? null)
    return { status: 200, body: { top_ups: rows.map((row) => topUpView(row, account.account_id)) } }
  },
})

const summaries = {
  confirm: 'Confirm that the money arrived: it is booked',
  reject: 'Reject what somebody else proposed: nothing is booked',
} as const

const decideRoute = (rail: string, verb: keyof typeof summaries): Route =>
  defineRoute({
    ...common,
    method: 'POST',
    path: `/api/accounts/:account_id/top-ups/:id/${verb}`,
    operation_id: `${verb}TopUp`,
    summary: summaries[verb],
    access: may('accounts.confirm_top_up'),
    params: accountParams.extend({ id: z.string().max(40) }),
    response: { 200: topUpSchema },
    refusals: [
      'PAYER_ACCOUNT_NOT_FOUND',
      'TOP_UP_NOT_FOUND',
      'TOP_UP_DECIDED',
      'ANOTHER_PERSON_REQUIRED',
      'TOP_UP_REFERENCE_REUSED',
      'AMOUNT_INVALID',
    ],
    idempotent: true,
    handle: async ({ ctx, actor, params, idempotency }) => {
      const by = confirmerOf(actor)
      const decision = verb === 'confirm' ? 'BOOKED' : 'REJECTED'
      return ctx.db.tx(async (tx) => {
        const row = await decideTopUp(tx, by, { ...params, decision, rail })
        const answer = { status: 200, body: topUpView(row, params.account_id) } as const
        await idempotency.complete(tx, answer)
        return answer
      })
    },
  })

/** Only a member decides, in person. */
function confirmerOf(actor: Actor): Confirmer {
  if (actor.kind !== 'organization' || actor.person_id === undefined) throw new Refusal('NOT_ALLOWED')
  const { organization_id, name, person_id } = actor
  return { organization_id, name, person_id }
}

/** Money that comes in. `rail` is where it arrives. */
export const topUpRoutes = (rail: string): readonly Route[] => [
  topUpRoute(rail),
  listRoute,
  decideRoute(rail, 'confirm'),
  decideRoute(rail, 'reject'),
]
