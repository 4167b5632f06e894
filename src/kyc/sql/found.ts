import type { Sealed } from '../../platform/crypto/envelope.ts'
import { sql, type Reader } from '../../platform/db.ts'

export const findFound = (db: Reader, check_id: string): Promise<Sealed | undefined> =>
  db.maybeOne(sql`
    select found_key_version as key_version, found_wrapped_key as wrapped_key, found_sealed as bytes
    from kyc_checks where id = ${check_id} and found_sealed is not null`)
