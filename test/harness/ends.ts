/**
 * What a test file has opened and must be closed when it is over: databases, servers, processes, folders. Test files share
 * their worker and with it these modules, so that a hook of such a module's own would run for the first file only; the
 * setup of each file (`each-file.ts`) calls `endAll`.
 */
const ends: (() => unknown)[] = []

/** Called once, at the end of the test file; what was opened last is closed first. */
export const atEnd = (end: () => unknown): void => void ends.push(end)

/** Closes everything, whatever fails on the way, and then says what failed. */
export async function endAll(): Promise<void> {
  const failed: unknown[] = []
  for (const end of ends.splice(0).toReversed()) {
    try {
      await end()
    } catch (error) {
      failed.push(error) // the others must not stay open for it
    }
  }
  if (failed.length > 0) throw new AggregateError(failed, failed.map(String).join('; '))
}
