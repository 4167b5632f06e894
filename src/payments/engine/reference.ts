import { hash } from 'node:crypto'
import { uuidV4From } from '../../platform/ids.ts'

/**
 * The reference of one attempt at one line: the first 122 bits of sha256(secret ‖ seq ‖ attempt) in the shape of a
 * UUIDv4 (MTN refuses other versions). The secret is committed with the batch, so the reference is known before the
 * first call, the same after a crash, and never made of a sequence number alone: those repeat after a restore.
 */
export function referenceOf(secret: Buffer, seq: number, attempt: number): string {
  if (secret.length !== 16) throw new Error(`a batch's secret has 16 bytes, not ${secret.length}`)
  const name = Buffer.allocUnsafe(22)
  secret.copy(name)
  name.writeUInt32BE(seq, 16)
  name.writeUInt16BE(attempt, 20)
  // As hex digits: a Buffer of the digest costs three times as much, and there is one for every payment.
  return uuidV4From(hash('sha256', name, 'hex'))
}
