import pg from 'pg'

/** An error as PostgreSQL's client gives it: with a SQLSTATE, and the constraint that was broken. */
export function databaseError(code: string, message: string, constraint?: string): Error {
  const error = new pg.DatabaseError(message, message.length, 'error')
  error.code = code
  if (constraint !== undefined) error.constraint = constraint
  return error
}

export const checkViolation = (message: string, constraint?: string): Error =>
  databaseError('23514', message, constraint)

/** A connection that broke has no SQLSTATE. */
export const connectionLost = (): Error => new Error('Connection terminated unexpectedly')
