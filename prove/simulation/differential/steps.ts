import { approveBatch, cancelBatch, pauseBatch } from '../../../src/payments/batch.ts'
import { confirmFeeQuestion, proposeFeeQuestion } from '../../../src/payments/fee-question.ts'
import { hint } from '../../../src/payments/line.ts'
import { confirmReview, proposeReview } from '../../../src/payments/review.ts'
import type { Random } from '../random.ts'
import { HOUR_MS } from './dump.ts'
import { handlers, inTx, nth, placeOf, tokenAt, type Make } from './here.ts'
import { settleSome } from './settling.ts'
import type { Site } from './site.ts'

/** One operation, drawn once and then done at both sites. It answers what can be compared. */
export type Step = { readonly name: string; readonly at: (site: Site) => Promise<unknown> }

const LEASE_MS = 1e12

/** Draws the next step. */
export function drawStep(random: Random): Step {
  const [name, make] = random.pick(makers)
  return { name, at: make(random) }
}

const lease: Make = (random) => {
  const [worker, what] = [random.pick(['one', 'two']), random.whole(0, 6)]
  return async (site) => {
    const { store, db, connection } = site
    const token = await tokenAt(site)
    const older = token - (what % 2 === 0 ? 0n : 1n)
    if (what <= 1) return store.takeLease(db, connection, worker, LEASE_MS)
    if (what === 2) return site.expireLease()
    if (what === 3) return store.releaseLease(db, connection, worker, older)
    if (what === 4) return inTx(site, (tx) => store.lockDriving(tx, connection, older))
    return store.renewLease(db, connection, worker, older, LEASE_MS)
  }
}

const connectionStep: Make = (random) => {
  const [what, because] = [random.whole(0, 4), random.pick(['401', 'no liquidity'])]
  return async (site) => {
    const { store, connection } = site
    const token = await tokenAt(site)
    if (what === 0) return inTx(site, (tx) => store.stopConnection(tx, connection, token, because))
    if (what <= 2) return inTx(site, (tx) => store.resumeConnection(tx, connection, what === 1))
    return store.setMode(site.db, connection, because)
  }
}

const claim: Make = (random) => {
  const [want, worker, after] = [random.whole(1, 6), random.pick(['one', 'two']), random.whole(0, 3)]
  return (site) =>
    inTx(site, async (tx) => {
      const token = await site.store.currentToken(tx, site.connection)
      const last = nth(site.batches, after) ?? 0n
      const taken = await site.store.claim(tx, site.connection, worker, token, want, last)
      if (taken === undefined) return 'nothing'
      site.ranges.push([taken.range_id])
      site.claims.push(taken)
      const rows = await site.store.selectOrders(tx, taken)
      const { from_seq, to_seq } = taken
      return [
        placeOf(site, taken.batch_id),
        from_seq,
        to_seq,
        rows.map((row) => [row.seq, row.attempt, row.amount]),
      ]
    })
}

const ranges: Make = (random) => {
  const [n, what, cut, stale] = [
    random.whole(0, 9),
    random.whole(0, 3),
    random.whole(1, 4),
    random.chance(0.2),
  ]
  return (site) =>
    inTx(site, async (tx) => {
      const { store, connection } = site
      const token = (await store.currentToken(tx, connection)) - (stale ? 1n : 0n)
      const ids = nth(site.ranges, n)
      const one = nth(site.claims, n)
      if (ids === undefined || one === undefined) return 'nothing'
      if (what === 0) return store.finishRanges(tx, connection, token, ids)
      if (what === 1) {
        const { batch_id, from_seq, to_seq } = one
        const middle = Math.min(from_seq + cut, to_seq)
        const sent = [{ batch_id, from_seq, to_seq: middle }]
        const unsent = middle < to_seq ? [{ batch_id, from_seq: middle + 1, to_seq }] : []
        const kept = await store.splitRange(tx, connection, token, ids, sent, unsent)
        site.ranges.push(kept)
        site.claims.push(one)
        return kept.length
      }
      const orphans = await store.lockOrphans(tx, connection, token + (what === 2 ? 1n : 0n))
      const lines = []
      for (const orphan of orphans) lines.push(await store.selectOrphanLines(tx, orphan))
      return [orphans.map((o) => [placeOf(site, o.batch_id), o.from_seq, o.to_seq, o.mode]), lines]
    })
}

const due: Make = (random) => {
  const limit = 500
  const stale = random.chance(0.1)
  return (site) =>
    inTx(site, async (tx) => {
      const token = (await site.store.currentToken(tx, site.connection)) - (stale ? 1n : 0n)
      const rows = await site.store.takeDue(tx, site.connection, token, limit, HOUR_MS)
      const key = (row: (typeof rows)[number]): number => placeOf(site, row.batch_id) * 100 + row.seq
      site.due = rows.sort((a, b) => key(a) - key(b))
      return rows.map(({ id: _, batch_id, sent_ms, since_ms, ...row }) => [
        placeOf(site, batch_id),
        Math.round(sent_ms / HOUR_MS),
        Math.round(since_ms / HOUR_MS),
        row,
      ])
    })
}

const followDue: Make = (random) => {
  const [n, what, after] = [random.whole(0, 5), random.whole(0, 5), random.whole(0, 2) * HOUR_MS]
  return async (site) => {
    const { store, db, connection } = site
    const token = await tokenAt(site)
    const row = nth(site.due, n)
    if (row === undefined) return 'nothing'
    if (what <= 2) {
      const change = { not_found: row.not_found + 1, because: 'not found', resends: what === 0 }
      return store.reschedule(db, row, token, after, change)
    }
    if (what === 3) return inTx(site, (tx) => store.returnToRetry(tx, [row]))
    if (what === 4) return inTx(site, (tx) => store.setReference(tx, row.id, `own-${n}`))
    const ids = site.due.map((one) => one.id)
    const given = await inTx(site, (tx) => store.giveBack(tx, ids, token))
    // Its second must not depend on how fast this test is.
    await site.advance(1)
    return [given, await store.glance(db, connection)]
  }
}

const takeOver: Make = (random) => {
  const [after, hours] = [random.whole(0, 2) * HOUR_MS, random.whole(0, 3)]
  return (site) =>
    inTx(site, async (tx) => {
      const { store, connection } = site
      const token = (await store.currentToken(tx, connection)) + (hours > 1 ? 1n : 0n)
      const adopted = await store.adoptPursuits(tx, connection, token, after)
      const sends = await store.selectInterrupted(tx, connection, token)
      // By their numbers, which lines that go astray in one transaction get in no particular order.
      const told = sends.map((s) => [placeOf(site, s.batch_id), s.seq, s.attempt, s.rail_reference] as const)
      return [adopted, told.toSorted(([a, m], [b, n]) => (a === b ? m - n : a - b))]
    })
}

const people: Make = (random) => {
  const [n, seq, what, on] = [random.whole(0, 9), random.whole(1, 6), random.whole(0, 9), random.chance(0.5)]
  const outcome = random.pick<'PAID' | 'REFUSED'>(['PAID', 'REFUSED'])
  return (site) => {
    const batch_id = nth(site.batches, n)
    if (batch_id === undefined) return Promise.resolve('nothing')
    const line = { batch_id, seq }
    const acting = { store: site.store, newId: site.newId }
    const evidence = { evidence_name: 'a.pdf', evidence: Buffer.from('a') }
    return inTx(site, async (tx): Promise<unknown> => {
      if (what === 0) return cancelBatch(tx, batch_id, handlers, acting)
      if (what <= 2) return pauseBatch(tx, batch_id, on, on ? 'a test' : null, acting)
      if (what <= 4) return proposeReview(tx, { ...line, outcome, ...evidence, by: 'ana' }, acting)
      if (what <= 6) return confirmReview(tx, line, on ? 'ben' : 'Ana ', handlers, acting)
      if (what === 7) return proposeFeeQuestion(tx, line, on ? 'PAYER' : 'HOUSE', 'ana', acting)
      if (what === 8) return confirmFeeQuestion(tx, line, 'ben', acting)
      return site.attemptOf(tx, batch_id, 1)
    })
  }
}

const hints: Make = (random) => {
  const [batch, seq] = [random.whole(0, 9), random.whole(1, 6)]
  return async (site) => {
    const found = await hint(site.db, `${site.connection}-${batch}-${seq}`, site)
    return found && [placeOf(site, found.batch_id), found.seq]
  }
}

const reviews: Make = (random) => {
  const n = random.whole(0, 9)
  return async (site) => {
    const batch = nth(site.batches, n)
    if (batch === undefined) return 'nothing'
    const rows = await site.store.selectReviews(site.db, batch, null, 50)
    return rows.map(({ batch_id: _, since: __, ...row }) => Object.values(row).join(' ')).sort()
  }
}

const advance: Make = (random) => {
  const hours = random.whole(0, 3)
  return (site) => site.advance(hours)
}

const upload: Make = (random) => {
  const amounts = Array.from({ length: random.whole(1, 6) }, () => BigInt(random.whole(1, 900)))
  const fee_cap = BigInt(random.pick([0, 5]))
  const awaits_approval = random.chance(0.25)
  return (site) => site.addBatch(amounts, fee_cap, awaits_approval)
}

const approve: Make = (random) => {
  const n = random.whole(0, 9)
  return (site) => {
    const batch_id = nth(site.batches, n)
    return batch_id === undefined
      ? Promise.resolve('nothing')
      : inTx(site, (tx) => approveBatch(tx, batch_id, site))
  }
}

const makers: readonly [readonly [string, Make], ...(readonly [string, Make])[]] = [
  ['settle', settleSome],
  ['settle again', settleSome],
  ['settle once more', settleSome],
  ['claim', claim],
  ['claim again', claim],
  ['lease', lease],
  ['lease again', lease],
  ['ranges', ranges],
  ['take what is due', due],
  ['take what is due again', due],
  ['follow what is due', followDue],
  ['take over', takeOver],
  ['people', people],
  ['people again', people],
  ['hint', hints],
  ['reviews', reviews],
  ['the connection', connectionStep],
  ['time passes', advance],
  ['upload', upload],
  ['approve', approve],
]
