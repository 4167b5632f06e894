/** What is guarded, and how a row tells whose it is. */
const ofAccount = (table: string): string =>
  `(select a.organization_id from payments_accounts a where a.id = ${table}.account_id)`
export const guarded: Readonly<Record<string, string>> = {
  audit_events: 'organization_id',
  bulk_approvals: '(select b.organization_id from bulk_batches b where b.id = bulk_approvals.batch_id)',
  bulk_batches: 'organization_id',
  identity_api_keys: 'organization_id',
  identity_approval_limits: 'organization_id',
  identity_invitations: 'organization_id',
  identity_members: 'organization_id',
  identity_organizations: 'id',
  identity_proposals: 'organization_id',
  identity_service_accounts: 'organization_id',
  identity_stream_tickets: 'organization_id',
  payments_accounts: 'organization_id',
  payments_batches: ofAccount('payments_batches'),
  payments_incoming: ofAccount('payments_incoming'),
  payments_top_ups: ofAccount('payments_top_ups'),
}
export const tables = Object.keys(guarded)
/** A column of each that some statement might change. */
export const changeable: Readonly<Record<string, string>> = {
  audit_events: 'actor',
  bulk_approvals: 'reason',
  bulk_batches: 'created_by',
  identity_api_keys: 'last_address',
  identity_approval_limits: 'amount',
  identity_invitations: 'language',
  identity_members: 'roles',
  identity_organizations: 'name',
  identity_proposals: 'created_at',
  identity_service_accounts: 'name',
  identity_stream_tickets: 'created_at',
  payments_accounts: 'party_id_type',
  payments_batches: 'purpose',
  payments_incoming: 'note',
  payments_top_ups: 'reference',
}
