import { callFacts } from '../platform/context.ts'
import { sql, type Reader, type Tx } from '../platform/db.ts'
import { redact, type Json } from './redact.ts'

type Fields = { readonly [name: string]: Json | undefined }

export type Act = {
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly organization_id?: bigint
  readonly detail?: Fields
  /** In which role the actor did it. */
  readonly role?: string
  /** Where the call came from; the call that is being served, unless said otherwise. So for the next two. */
  readonly address?: string
  readonly user_agent?: string
  readonly request_id?: string
  /** What the act changed, as it was and as it became. Members with names of secrets are redacted. */
  readonly before?: Fields
  readonly after?: Fields
}

/** Writes the act's line in its own transaction; it is sealed within a second or so after the commit. */
export async function record(tx: Tx, act: Act): Promise<void> {
  const call = callFacts()
  const { actor, action, subject, organization_id = null } = act
  const role = shortened(act.role ?? call?.role, 64)
  const address = shortened(act.address ?? call?.address, 64)
  const user_agent = shortened(act.user_agent ?? call?.user_agent, 300)
  const request_id = shortened(act.request_id ?? call?.request_id, 128)
  await tx.run(sql`
    insert into audit_events
      (actor, action, subject, organization_id, detail, role, address, user_agent, request_id, before, after)
    values (${actor}, ${action}, ${subject}, ${organization_id}, ${written(act.detail ?? {})}::jsonb, ${role},
      ${address}, ${user_agent}, ${request_id}, ${written(act.before)}::jsonb, ${written(act.after)}::jsonb)`)
}

const written = (fields: Fields | undefined): string | null =>
  fields === undefined ? null : JSON.stringify(redact(fields))

/** An act must not fail for the length of what a stranger's program calls itself. */
const shortened = (text: string | undefined, length: number): string | null =>
  text === undefined ? null : text.replaceAll('\u0000', '').slice(0, length).toWellFormed()

export type Event = { at: Date; actor: string; action: string; detail: Record<string, unknown> }

/** What happened to one subject, oldest first. */
export const historyOf = (db: Reader, subject: string): Promise<Event[]> =>
  db.many(
    sql`select at, actor, action, detail from audit_events where subject = ${subject} order by id limit 1000`,
  )

/** How many acts of these kinds there were today (a day of UTC). */
export const countActsToday = async (db: Reader, actions: readonly string[]): Promise<number> =>
  Number(
    (
      await db.one<{ n: bigint }>(sql`
        select count(*) as n from audit_events
        where action = any (${[...actions]}::text[]) and at >= date_trunc('day', clock_timestamp(), 'UTC')`)
    ).n,
  )
