import { sql, type Reader, type Tx } from '../platform/db.ts'

/**
 * The append-only trail: who did what to which subject, written in the transaction of the act itself, so that an act
 * without its line cannot exist. It never holds phone numbers or names of payees.
 */
export type Act = {
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly organization_id?: bigint
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

export async function record(tx: Tx, act: Act): Promise<void> {
  await tx.run(sql`
    insert into audit_events (actor, action, subject, organization_id, detail)
    values (${act.actor}, ${act.action}, ${act.subject}, ${act.organization_id ?? null}, ${JSON.stringify(act.detail ?? {})}::jsonb)`)
}

export type Event = { at: Date; actor: string; action: string; detail: Record<string, unknown> }

/** What happened to one subject, oldest first. */
export const historyOf = (db: Reader, subject: string): Promise<Event[]> =>
  db.many(
    sql`select at, actor, action, detail from audit_events where subject = ${subject} order by id limit 1000`,
  )

/** The triggers that keep the trail as it was written, as `table.trigger`. */
export const auditGuards: readonly string[] = [
  'audit_events.audit_events_append_only',
  'audit_events.audit_events_no_truncate',
]
