import { openTcpProxy, withPort } from '../../test/harness/tcp-proxy.ts'

/** One worker's time at the rail: from its first to its last request before another was heard. */
export type Spell = { readonly who: string; readonly from: number; until: number; requests: number }

/** What was heard between the workers and the rail, in the order in which it came. */
export type Ear = {
  /** A way to the rail for one worker, on a port of its own. */
  readonly open: (who: string) => Promise<string>
  readonly spells: () => readonly Spell[]
  /** Requests of one worker since a moment of performance.now(). */
  readonly heardSince: (who: string, moment: number) => number
  readonly close: () => Promise<void>
}

/** Listens in on the way to the rail: bytes pass as they are, and what looks like the head of a request is counted. */
export function openEar(adapter: string): Ear {
  const heard: { readonly who: string; readonly at: number }[] = []
  const closing: (() => Promise<unknown>)[] = []
  const hear = (who: string, chunk: Buffer): void => {
    const requests = chunk.toString('latin1').match(/(?:^|\r\n\r\n|\})(?:GET|POST|PUT) \/\S* HTTP\/1\.1\r\n/g)
    for (let i = 0; i < (requests?.length ?? 0); i++) heard.push({ who, at: performance.now() })
  }
  return {
    open: async (who) => {
      const proxy = await openTcpProxy({ target: () => adapter }, (worker, rail) => {
        worker.on('data', (chunk: Buffer) => hear(who, chunk))
        worker.pipe(rail).pipe(worker)
        return undefined
      })
      closing.push(proxy.close)
      return withPort(adapter, proxy.port)
    },
    spells: () => {
      const spells: Spell[] = []
      for (const { who, at } of heard) {
        const last = spells.at(-1)
        if (last?.who !== who) spells.push({ who, from: at, until: at, requests: 1 })
        else {
          last.until = at
          last.requests += 1
        }
      }
      return spells
    },
    heardSince: (who, moment) => heard.filter((one) => one.who === who && one.at >= moment).length,
    close: async () => {
      for (const one of closing) await one()
    },
  }
}
