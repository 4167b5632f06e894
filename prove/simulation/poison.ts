import { databaseError } from './memory/errors.ts'
import type { Statements } from './memory/statements.ts'
import { lineKey } from './memory/tables.ts'
import type { World } from './plan.ts'

/** Statements over tables where some lines cannot be settled as paid, whoever tries and how often. */
export function withPoison({ random, faults }: World, statements: Statements): Statements {
  const poisoned = new Map<string, boolean>()
  const isPoisoned = (key: string): boolean => {
    const known = poisoned.get(key)
    if (known !== undefined) return known
    const now = random.chance(0.2) && faults.strike('database: a line that cannot be settled')
    poisoned.set(key, now)
    return now
  }
  return {
    ...statements,
    settleLines(connection, token, set, by_people) {
      for (const { batch_id, seq, word } of set)
        if (word === 'PAID' && isPoisoned(lineKey(batch_id, seq)))
          throw databaseError('22003', `line ${batch_id}:${seq} cannot be settled`)
      return statements.settleLines(connection, token, set, by_people)
    },
  }
}
