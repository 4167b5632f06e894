import { sha256, uuidV4From } from '../../platform/ids.ts'

/**
 * The reference of one attempt at one line: the first 122 bits of sha256(secret ‖ seq ‖ attempt) in the shape of a
 * UUIDv4 (MTN refuses other versions). The secret is committed with the batch, so the reference is known before the
 * first call, the same after a crash, and never made of a sequence number alone: those repeat after a restore.
 */
export function referenceOf(secret: Buffer, seq: number, attempt: number): string {
  const tail = Buffer.allocUnsafe(6)
  tail.writeUInt32BE(seq, 0)
  tail.writeUInt16BE(attempt, 4)
  return uuidV4From(sha256(secret, tail))
}
