import { open } from 'node:fs/promises'
import { exits } from './exits.ts'
import { Stop } from './stop.ts'

export type Output = {
  readonly write: (text: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** A new file that only its user reads. Stops where it is there already, or cannot be made. */
export async function openOutput(path: string): Promise<Output> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new Stop(exits.usage, { en: why, fr: why })
  })
  return {
    write: (text) => file.writeFile(text), // goes on where the last one ended
    close: async () => {
      await file.sync()
      await file.close()
    },
  }
}
