import { z } from 'zod'
import { Refusal } from '../../platform/errors.ts'
import { isCommonPassword } from './common.ts'

/**
 * A new password: 8 to 256 characters of any kind, no composition rules (NIST SP 800-63B §5.1.1.2). The upper bound is
 * against bodies that are no passwords.
 */
export const newPasswordSchema = z.string().min(8).max(256)

/** One that is to be verified: whatever the rules were when it was chosen. */
export const anyPasswordSchema = z.string().min(1).max(256)

/** Refuses PASSWORD_CONFIRMATION_DIFFERS and PASSWORD_TOO_COMMON; `known` is what everybody knows of the person. */
export function assertGoodPassword(
  password: string,
  confirmation: string | undefined,
  known: readonly (string | null | undefined)[],
): void {
  if (confirmation !== undefined && password !== confirmation)
    throw new Refusal('PASSWORD_CONFIRMATION_DIFFERS')
  if (isCommonPassword(password, known)) throw new Refusal('PASSWORD_TOO_COMMON')
}
