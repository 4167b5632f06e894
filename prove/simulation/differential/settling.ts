import type { Outcome, OutcomeWord } from '../../../src/payments/engine/outcome.ts'
import { settle } from '../../../src/payments/engine/settle.ts'
import type { Tx } from '../../../src/platform/db.ts'
import { HOUR_MS } from './dump.ts'
import { handlers, inTx, nth, placeOf, type Make } from './here.ts'
import type { Site } from './site.ts'

const words: readonly [OutcomeWord, ...OutcomeWord[]] = [
  'PAID',
  'PAID',
  'FAILED',
  'RETRY',
  'UNCERTAIN',
  'UNCERTAIN',
  'REVIEW',
  'QUOTED',
]

type Drawn = {
  batch: number
  seq: number
  word: OutcomeWord
  old: boolean
  pursued: boolean
  after: number
  fee: bigint
  refused: boolean
}

/** Settles some lines, whatever their state, with words that may fit or not. */
export const settleSome: Make = (random) => {
  const set: Drawn[] = Array.from({ length: random.whole(1, 5) }, () => ({
    batch: random.whole(0, 9),
    seq: random.whole(1, 6),
    word: random.pick(words),
    old: random.chance(0.15),
    pursued: random.chance(0.8),
    after: random.whole(0, 2) * HOUR_MS,
    fee: BigInt(random.pick([0, 0, 3, 9])),
    refused: random.chance(0.2),
  }))
  const [stale, by_people] = [random.chance(0.15), random.chance(0.1)]
  return (site) =>
    inTx(site, async (tx) => {
      const outcomes: Outcome[] = []
      for (const one of set) {
        const outcome = await outcomeAt(site, tx, one)
        const same = outcomes.some((o) => o.batch_id === outcome?.batch_id && o.seq === outcome.seq)
        if (outcome !== undefined && !same) outcomes.push(outcome)
      }
      if (outcomes.length === 0) return 'nothing'
      const infos = await site.store.selectBatchInfo(tx, [...new Set(outcomes.map((o) => o.batch_id))])
      const batch = (id: bigint): (typeof infos)[number] => {
        const info = infos.find((one) => one.id === id)
        if (info === undefined) throw new Error('no such batch')
        return info
      }
      const token = (await site.store.currentToken(tx, site.connection)) - (stale ? 1n : 0n)
      const { store, newId, connection: connection_id } = site
      const rows = await settle(tx, {
        store,
        newId,
        connection_id,
        token,
        outcomes,
        done_ranges: [],
        batch,
        handlers,
        by_people,
      })
      return rows
        .map(({ batch_id, ...row }) => [placeOf(site, batch_id), ...Object.values(row)].join(' '))
        .sort()
    })
}

async function outcomeAt(site: Site, tx: Tx, one: Drawn): Promise<Outcome | undefined> {
  const batch_id = nth(site.batches, one.batch)
  if (batch_id === undefined) return undefined
  const { total } = await site.store.lockBatch(tx, batch_id)
  const seq = ((one.seq - 1) % total) + 1
  const attempt = Math.max(1, (await site.attemptOf(tx, batch_id, seq)) - (one.old ? 1 : 0))
  const { word, pursued } = one
  const base = { batch_id, seq, attempt, word, pursued }
  if (word === 'PAID') return { ...base, fee: one.fee, name: 'Ana', fulfilment: `f-${seq}` }
  const code = { code: 'PAYEE_REJECTED', message: 'no' }
  if (word === 'FAILED') return { ...base, ...code }
  const refused = one.refused && word === 'UNCERTAIN' ? { refused_as: 'PAYEE_LIMIT' } : {}
  const pursuit = {
    rail_reference: `${site.connection}-${one.batch}-${seq}`,
    after_ms: one.after,
    because: word,
    ...refused,
  }
  return { ...base, ...(word === 'UNCERTAIN' || word === 'QUOTED' ? {} : code), pursuit }
}
