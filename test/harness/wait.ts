import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks every 20 ms until the answer is neither undefined nor false, and gives it back. Past the deadline it throws,
 * saying what was awaited: `until('the batch is COMPLETED', …)`.
 */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false>,
  deadline_ms = 10_000,
): Promise<T> {
  const end = Date.now() + deadline_ms
  for (;;) {
    const answer = await condition()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > end) throw new Error(`after ${deadline_ms} ms still waiting: ${what}`)
    await pause(20)
  }
}
