import { sql, type Db, type Tx } from '../../platform/db.ts'

export type SpentTicket = {
  readonly session_id: string
  readonly person_id: bigint
  readonly organization_id: bigint | null
}

/** Takes the session's expired ones with it. */
export async function insertTicket(
  tx: Tx,
  ticket: SpentTicket & { readonly hash: Buffer; readonly lasts_s: number },
): Promise<void> {
  await tx.run(sql`
    delete from identity_stream_tickets where session_id = ${ticket.session_id} and expires_at <= cauri_now()`)
  await tx.run(sql`
    insert into identity_stream_tickets (hash, session_id, person_id, organization_id, expires_at)
    values (${ticket.hash}, ${ticket.session_id}, ${ticket.person_id}, ${ticket.organization_id},
      cauri_now() + ${ticket.lasts_s}::float8 * interval '1 second')`)
}

/** Deletes it, and answers whose it was while it was good: who comes second finds nothing. */
export async function takeTicket(db: Db, hash: Buffer): Promise<SpentTicket | undefined> {
  const row = await db.maybeOne<SpentTicket & { readonly is_good: boolean }>(sql`
    delete from identity_stream_tickets where hash = ${hash}
    returning session_id, person_id, organization_id, expires_at > cauri_now() as is_good`)
  if (row?.is_good !== true) return undefined
  const { session_id, person_id, organization_id } = row
  return { session_id, person_id, organization_id }
}

/** Those that nobody used. Answers how many rows went. */
export const cleanTickets = (db: Db): Promise<number> =>
  db.run(sql`delete from identity_stream_tickets where expires_at <= cauri_now()`)
