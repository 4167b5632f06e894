/** An event as the canonical form takes it: the time and the JSON are texts that PostgreSQL wrote. */
export type EventRow = {
  readonly id: bigint
  readonly at: string
  readonly actor: string
  readonly role: string | null
  readonly action: string
  readonly subject: string
  readonly organization_id: bigint | null
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
  readonly detail: string
  readonly before: string | null
  readonly after: string | null
}

/**
 * The canonical bytes of an event, as text to be encoded in UTF-8: one JSON object on one line, its members in this
 * order, without a space between them. Texts are written as JSON.stringify does (RFC 8785 §3.2.2.2), ids as texts,
 * because they may exceed 2^53. `detail`, `before` and `after` stand as PostgreSQL prints them, so that no number is
 * rounded on its way. docs/concepts/audit-trail.md says the same for who writes another verifier. It never changes:
 * another form would be another `v`.
 */
export const canonical = (row: EventRow): string =>
  '{"v":1' +
  `,"id":"${row.id}"` +
  `,"at":${text(row.at)}` +
  `,"actor":${text(row.actor)}` +
  `,"role":${text(row.role)}` +
  `,"action":${text(row.action)}` +
  `,"subject":${text(row.subject)}` +
  `,"organization_id":${row.organization_id === null ? 'null' : `"${row.organization_id}"`}` +
  `,"address":${text(row.address)}` +
  `,"user_agent":${text(row.user_agent)}` +
  `,"request_id":${text(row.request_id)}` +
  `,"detail":${row.detail}` +
  `,"before":${row.before ?? 'null'}` +
  `,"after":${row.after ?? 'null'}}`

const text = (value: string | null): string => JSON.stringify(value)
