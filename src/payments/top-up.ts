import { record } from '../audit/index.ts'
import { assertStillMay } from '../identity/index.ts'
import type { Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { MAX_AMOUNT } from '../platform/money.ts'
import { findAccount, topUp } from './account.ts'
import type { AccountRow } from './sql/accounts.ts'
import * as q from './sql/top-ups.ts'

/** Who says that money has arrived: a member, or a program with the people who know its key. */
export type Proposer = { readonly name: string; readonly people: readonly bigint[] }

/**
 * Writes down that money is said to have arrived. Nothing moves. The reference is one fact of the account: said again with the
 * same amount it is the same proposal; with another it is refused as TOP_UP_REFERENCE_REUSED.
 */
export async function proposeTopUp(
  tx: Tx,
  by: Proposer,
  account: AccountRow,
  { amount, reference }: { readonly amount: bigint; readonly reference: string },
): Promise<{ readonly top_up: q.TopUpRow; readonly is_new: boolean }> {
  const row = { id: newId('top-'), account_id: account.id, amount, reference }
  const made = await q.insertTopUp(tx, { ...row, proposed_by: by.name, proposed_people: by.people })
  if (made === undefined) {
    const known = await q.findByReference(tx, account.id, reference)
    if (known === undefined) return proposeTopUp(tx, by, account, { amount, reference }) // rejected just now
    if (known.amount !== amount) throw reused(reference)
    return { top_up: known, is_new: false }
  }
  await record(tx, {
    actor: by.name,
    action: 'top_up.proposed',
    subject: subjectOf(account),
    organization_id: account.organization_id,
    detail: { id: made.id, amount: String(amount), reference },
  })
  return { top_up: made, is_new: true }
}

/** Who decides, in person. */
export type Confirmer = {
  readonly organization_id: bigint
  readonly name: string
  readonly person_id: bigint
}

/**
 * Decides on a proposal; a confirmed one is booked in this transaction, once. Refuses PAYER_ACCOUNT_NOT_FOUND, TOP_UP_NOT_FOUND,
 * NOT_ALLOWED for who may not (any more), TOP_UP_DECIDED, ANOTHER_PERSON_REQUIRED for who proposed it, AMOUNT_INVALID above
 * what an account can hold, and TOP_UP_REFERENCE_REUSED when that reference was booked otherwise.
 */
export async function decideTopUp(
  tx: Tx,
  by: Confirmer,
  which: {
    readonly account_id: string
    readonly id: string
    readonly decision: 'BOOKED' | 'REJECTED'
    /** Where top-ups arrive. */
    readonly rail: string
  },
): Promise<q.TopUpRow> {
  const account = await findAccount(tx, by.organization_id, which.account_id)
  await assertStillMay(tx, by, 'accounts.confirm_top_up')
  const proposal = await q.lockTopUp(tx, account.id, which.id)
  if (proposal === undefined) throw new Refusal('TOP_UP_NOT_FOUND')
  if (proposal.state !== 'PROPOSED')
    throw new Refusal('TOP_UP_DECIDED', { members: { state: proposal.state } })
  if (proposal.proposed_people.includes(by.person_id)) throw new Refusal('ANOTHER_PERSON_REQUIRED')
  const { amount, reference } = proposal
  const decision = { state: which.decision, by: by.name, person_id: by.person_id }
  if ((await q.decideTopUp(tx, proposal.id, decision)) !== 1)
    throw new Error(`${proposal.id} was decided meanwhile, though it is locked`)
  const books = which.decision === 'BOOKED'
  await record(tx, {
    actor: by.name,
    action: books ? 'top_up.confirmed' : 'top_up.rejected',
    subject: subjectOf(account),
    organization_id: account.organization_id,
    detail: { id: proposal.id, amount: String(amount), reference, proposed_by: proposal.proposed_by },
  })
  if (books) {
    if (account.balance + amount > MAX_AMOUNT) throw new Refusal('AMOUNT_INVALID')
    const money = { amount, reference, rail: which.rail }
    if (!(await topUp(tx, by.name, account, money))) throw reused(reference)
  }
  return { ...proposal, state: which.decision, decided_by: by.name, decided_at: await tx.now() }
}

const subjectOf = ({ account_id }: AccountRow): string => `account:${account_id}`
const reused = (reference: string): Refusal =>
  new Refusal('TOP_UP_REFERENCE_REUSED', { members: { reference } })
