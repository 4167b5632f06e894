/** Where a job for the provider stands. */
export const checkStates = ['PREPARED', 'UNCERTAIN', 'SUBMITTED', 'DECIDED', 'GIVEN_UP'] as const
export type CheckState = (typeof checkStates)[number]

/**
 * BEGUN: it is about to be handed over, which is committed before the call. ACCEPTED, REFUSED, UNSENT (surely not taken, and may be
 * later), UNKNOWN: what came of that. PENDING,
 * PROVISIONAL, NOT_FOUND_YET, NOT_FOUND, DECIDED: what the provider says when asked; NOT_FOUND only after its own delay, twice.
 * TOO_OLD: nobody will know any more. DROPPED: the person it is about asked to be forgotten.
 */
export const checkEvents = [
  'BEGUN',
  'ACCEPTED',
  'REFUSED',
  'UNSENT',
  'UNKNOWN',
  'PENDING',
  'PROVISIONAL',
  'NOT_FOUND_YET',
  'NOT_FOUND',
  'DECIDED',
  'TOO_OLD',
  'DROPPED',
] as const
export type CheckEvent = (typeof checkEvents)[number]

/** The one table; what is not in it changes nothing. What the provider once had it cannot have lost: NOT_FOUND frees only UNCERTAIN. */
export const checkTransitions: Readonly<
  Record<CheckState, Readonly<Partial<Record<CheckEvent, CheckState>>>>
> = {
  PREPARED: { BEGUN: 'UNCERTAIN', TOO_OLD: 'GIVEN_UP', DROPPED: 'GIVEN_UP' },
  UNCERTAIN: {
    ACCEPTED: 'SUBMITTED',
    REFUSED: 'GIVEN_UP',
    UNSENT: 'PREPARED',
    UNKNOWN: 'UNCERTAIN',
    PENDING: 'SUBMITTED',
    PROVISIONAL: 'SUBMITTED',
    NOT_FOUND_YET: 'UNCERTAIN',
    NOT_FOUND: 'GIVEN_UP',
    DECIDED: 'DECIDED',
    TOO_OLD: 'GIVEN_UP',
    DROPPED: 'GIVEN_UP',
  },
  SUBMITTED: {
    UNKNOWN: 'SUBMITTED',
    PENDING: 'SUBMITTED',
    PROVISIONAL: 'SUBMITTED',
    NOT_FOUND_YET: 'SUBMITTED',
    NOT_FOUND: 'SUBMITTED',
    DECIDED: 'DECIDED',
    TOO_OLD: 'GIVEN_UP',
    DROPPED: 'GIVEN_UP',
  },
  DECIDED: {},
  GIVEN_UP: {},
}

export const nextCheckState = (state: CheckState, event: CheckEvent): CheckState | undefined =>
  checkTransitions[state][event]
