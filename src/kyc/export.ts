import {
  exportPerson,
  personName,
  readKycFacts,
  type KycFacts,
  type PersonExport,
} from '../identity/index.ts'
import { record } from '../audit/index.ts'
import type { Db } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { toJson } from '../platform/money.ts'
import { listDecisions, readCase } from './sql/cases.ts'
import { listChecks } from './sql/checks.ts'
import { listConsents } from './sql/consents.ts'
import { listAll } from './sql/documents.ts'
import { listUsage } from './sql/usage.ts'

const at = (date: Date | null): string | null => date?.toISOString() ?? null

/** Who decided, without naming a colleague: the person himself, somebody of ours, the provider, or time. */
function decider(decided_by: string, person_id: bigint): string {
  if (decided_by === personName(person_id)) return 'you'
  if (decided_by.startsWith('person:')) return 'administrator'
  return decided_by.startsWith('provider:') ? 'provider' : 'time'
}

/**
 * Everything that identity and this module keep about a person, as plain JSON for himself. Documents are named; their bytes are where
 * `content` says. The trail keeps that it was asked for. Refuses PERSON_NOT_FOUND.
 */
export const exportAll = (db: Db, person_id: bigint): Promise<Record<string, unknown>> =>
  db.tx(async (tx) => {
    const own = await exportPerson(tx, person_id)
    const facts = await readKycFacts(tx, person_id)
    if (own === undefined || facts === undefined) throw new Refusal('PERSON_NOT_FOUND')
    const name = personName(person_id)
    await record(tx, { actor: name, action: 'privacy.exported', subject: name })
    const documents = await listAll(tx, person_id)
    return {
      exported_at: at(await tx.now()),
      ...identityPart(own),
      identity_check: {
        ...casePart(facts, await readCase(tx, person_id)),
        consents: (await listConsents(tx, person_id)).map(
          ({ version, language, text_sha256, granted_at }) => ({
            version,
            language,
            text_sha256: text_sha256.toString('hex'),
            granted_at: at(granted_at),
          }),
        ),
        documents: documents.map(documentPart),
        checks: (await listChecks(tx, person_id)).map((one) => ({
          id: one.id,
          state: one.state,
          provider: one.provider,
          outcome: one.outcome,
          reason: one.reason,
          created_at: at(one.created_at),
          ended_at: at(one.ended_at),
        })),
        decisions: (await listDecisions(tx, person_id)).map((one) => ({
          at: at(one.at),
          by: decider(one.decided_by, person_id),
          event: one.event,
          status: one.to_status,
          reason: one.reason,
          note: one.note,
        })),
        usage: (await listUsage(tx, person_id)).map(({ amount, currency, reference, at: when }) => ({
          amount: toJson(amount),
          currency,
          reference,
          at: at(when),
        })),
      },
    }
  })

type Document = Awaited<ReturnType<typeof listAll>>[number]

const documentPart = (one: Document): Record<string, unknown> => ({
  id: one.id,
  document_type: one.document_type,
  id_type: one.id_type,
  country: one.country,
  media_type: one.media_type,
  bytes: one.bytes,
  file_name: one.file_name,
  uploaded_at: at(one.uploaded_at),
  replaced_at: at(one.superseded_at),
  erased_at: at(one.erased_at),
  content: one.erased_at === null ? `/api/auth/kyc/documents/${one.id}/content` : null,
})

const casePart = (facts: KycFacts, file: Awaited<ReturnType<typeof readCase>>): Record<string, unknown> => ({
  kyc_status: facts.kyc_status,
  verified_at: at(facts.kyc_verified_at),
  expires_at: at(facts.kyc_expires_at),
  submitted_at: at(file.submitted_at),
  decided_at: at(file.decided_at),
  reason: file.reason,
  note: file.note,
})

function identityPart({ person, sessions, memberships }: PersonExport): Record<string, unknown> {
  return {
    person: {
      ...person,
      id: toJson(person.id),
      roles: [...person.roles],
      phone_verified_at: at(person.phone_verified_at),
      created_at: at(person.created_at),
    },
    sessions: sessions.map(({ user_agent, address, created_at, last_used_at, expires_at }) => ({
      user_agent,
      address,
      created_at: at(created_at),
      last_used_at: at(last_used_at),
      expires_at: at(expires_at),
    })),
    memberships: memberships.map(({ organization, roles }) => ({ organization, roles: [...roles] })),
  }
}
