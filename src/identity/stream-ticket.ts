import { randomBytes } from 'node:crypto'
import type { Db, Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { sha256 } from '../platform/ids.ts'
import type { Identity } from './identity.ts'
import { listMemberships } from './sql/members.ts'
import * as q from './sql/stream-tickets.ts'

const TICKET_BYTES = 32
const TICKET = /^[A-Za-z0-9_-]{43}$/
const hashOf = (ticket: string): Buffer => sha256(`stream ticket\0${ticket}`)

/**
 * A ticket for one event stream, good once and for a minute: browsers cannot send a header with an EventSource. Bound to the
 * session, and to the organisation that is named. Refuses ORGANIZATION_NOT_FOUND.
 */
export async function issueTicket(
  tx: Tx,
  { limits }: Identity,
  of: { readonly person_id: bigint; readonly session_id: string; readonly organization: string | undefined },
): Promise<string> {
  const { organization: named, person_id, session_id } = of
  const memberships = named === undefined ? [] : await listMemberships(tx, person_id)
  const membership = memberships.find((one) => String(one.organization_id) === named)
  if (named !== undefined && membership === undefined) throw new Refusal('ORGANIZATION_NOT_FOUND')
  const ticket = randomBytes(TICKET_BYTES).toString('base64url')
  await q.insertTicket(tx, {
    hash: hashOf(ticket),
    person_id,
    session_id,
    organization_id: membership?.organization_id ?? null,
    lasts_s: limits.ticket_s,
  })
  return ticket
}

/** Spends it: of any number of uses at once, one finds it. */
export async function spendTicket(db: Db, ticket: string): Promise<q.SpentTicket | undefined> {
  return TICKET.test(ticket) ? q.takeTicket(db, hashOf(ticket)) : undefined
}
