/** Why the embedded PostgreSQL cannot run, and what to do about it: one sentence, for the person who starts Cauri. */
export class CannotRun extends Error {
  constructor(because: string, remedy: string, cause?: unknown) {
    super(`The embedded PostgreSQL cannot run because ${because}: ${remedy}.`, { cause })
    this.name = 'CannotRun'
  }
}

const ELSEWHERE =
  'set CAURI_HOME to a folder on another disk, or DATABASE_URL to a PostgreSQL server of your own'

/**
 * Puts what the file system, initdb or the server said (an error or lines of a log) into words. `folder` is the data
 * folder that it is about. A `CannotRun` passes through as it is.
 */
export function explain(said: unknown, folder: string): CannotRun {
  if (said instanceof CannotRun) return said
  const text = said instanceof Error ? `${codeOf(said)} ${said.message}` : String(said)
  const cannot = (because: string, remedy: string): CannotRun => new CannotRun(because, remedy, said)
  if (/ENOSPC|EDQUOT|No space left on device|Disk quota exceeded|Check free disk space/.test(text))
    return cannot(`the disk that holds ${folder} is full`, `free some space, or ${ELSEWHERE}`)
  if (/EROFS|Read-only file system/i.test(text))
    return cannot(`the disk that holds ${folder} is read-only`, `make it writable, or ${ELSEWHERE}`)
  if (/wrong ownership|invalid permissions|could not change permissions|EPERM/.test(text))
    return cannot(`the folder ${folder} does not keep the owner and the mode that are given to it`, ELSEWHERE)
  if (/EACCES|Permission denied|unable to open database file|readonly database/.test(text))
    return cannot(
      `the folder ${folder} may not be read and written by the user that starts Cauri`,
      'start Cauri as the user that owns it, or set CAURI_HOME to another folder',
    )
  if (/incompatible with server|not compatible with this version/.test(text))
    return cannot(
      `the data folder ${folder} was made by another version of PostgreSQL`,
      'start that version of Cauri and export, or set CAURI_HOME to another folder',
    )
  return cannot(
    `it said «${lastComplaint(text)}»`,
    `read ${folder}/../server.log, or set DATABASE_URL to a PostgreSQL server of your own`,
  )
}

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '')

/** The last line that PostgreSQL marked as serious, or else its last line. */
function lastComplaint(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const serious = lines.findLast((line) => /(FATAL|PANIC|ERROR|error):/.test(line))
  return (serious ?? lines.at(-1) ?? 'nothing').trim()
}
