import type { CheckVerdict } from '../connectors/identity-check.ts'
import { openEnvelope, sealEnvelope, type Place, type Sealed } from '../platform/crypto/envelope.ts'
import type { KeyRing } from '../platform/crypto/key-ring.ts'
import type { Reader } from '../platform/db.ts'
import { findFound } from './sql/found.ts'

/** What the provider read on a document. */
export type Found = CheckVerdict['document']

export const foundPlace = (check_id: string): Place => ({
  table: 'kyc_checks',
  column: 'found',
  row: check_id,
})

/** Null where the provider read nothing. */
export function sealFound(ring: KeyRing, check_id: string, found: Found): Sealed | null {
  if (Object.values(found).every((value) => value === null)) return null
  return sealEnvelope(ring, foundPlace(check_id), Buffer.from(JSON.stringify(found)))
}

export async function readFound(
  db: Reader,
  ring: KeyRing,
  check_id: string | undefined,
): Promise<Found | null> {
  if (check_id === undefined) return null
  const row = await findFound(db, check_id)
  if (row === undefined) return null
  return JSON.parse(openEnvelope(ring, foundPlace(check_id), row).toString()) as Found
}
