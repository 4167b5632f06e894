/**
 * Who may call a route: one row of the matrix of who may do what, as the route carries it. `of` says in whose name the caller
 * acts: `open` anybody, without credentials; `person` somebody signed in, for himself; `organization` somebody who acts for
 * one; `system` somebody who runs Cauri.
 */
export type Access = {
  readonly action: string
  readonly of: 'open' | 'person' | 'organization' | 'system'
  /** Needs a second factor that was shown a few minutes ago. */
  readonly step_up: boolean
  /** Needs one to be set up at least, in production. */
  readonly second_factor: boolean
}

const made = new WeakSet<Access>()

/** Makes a row; the matrix does, and what is open to everybody. */
export function accessTo(
  action: string,
  of: Access['of'],
  { step_up = false, second_factor = step_up }: { step_up?: boolean; second_factor?: boolean } = {},
): Access {
  const access = { action, of, step_up, second_factor }
  made.add(access)
  return access
}

/** Whether a route carries a row that was made here: one without, or with something that looks like one, is not served. */
export const isAccess = (access: Access | undefined): boolean => access !== undefined && made.has(access)

/** What tells nothing about anybody: health, documents, simulators. */
export const openTo = (action: string): Access => accessTo(action, 'open')
