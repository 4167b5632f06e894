import {
  confirmFeeQuestion,
  confirmReview,
  hintLine,
  holdConnections,
  proposeFeeQuestion,
  proposeReview,
} from '../../src/payments/index.ts'
import { becauseOf, runCheck } from '../../src/integrity/run.ts'
import { sql } from '../../src/platform/db.ts'
import { openLog } from '../../src/platform/log.ts'
import { purposeHandlers } from '../../src/wiring.ts'
import { ask, claimedIn, linesIn, look, type Line, type UseCase } from './ask.ts'

const silent = openLog('silent')

/** People who look at the truth: what the outside world really did. */
export const reviewing: UseCase = {
  name: 'close a review',
  later: true,
  run: async (scene, db, actor) => {
    const [line] = await look(scene, linesIn(scene, 'REVIEW'))
    if (line === undefined) return
    const was_paid = scene.outside.paid.some((payment) => payment.payee === line.party_identifier)
    const proposal = {
      batch_id: line.batch_id,
      seq: line.seq,
      outcome: was_paid ? ('PAID' as const) : ('REFUSED' as const),
      evidence_name: 'statement.pdf',
      evidence: Buffer.from('%PDF'),
      by: `proposer ${actor.name}`,
    }
    const of = `${line.batch_id}:${line.seq}`
    const proposed = await ask(scene, actor, `propose ${of}`, async () => {
      await db.tx((tx) => proposeReview(tx, proposal))
      return 'proposed'
    })
    if (proposed === 'proposed')
      await ask(scene, actor, of, () =>
        db.tx((tx) => confirmReview(tx, line, `confirmer ${actor.name}`, purposeHandlers)),
      )
  },
}

export const answeringFees: UseCase = {
  name: 'answer a fee question',
  later: true,
  run: async (scene, db, actor) => {
    const questions = await look(
      scene,
      scene.db.many<Line & { amount: bigint }>(sql`
        select f.batch_id, f.seq, f.amount from payments_fee_questions f join payments_batches b on b.id = f.batch_id
        where b.connection_id = ${scene.settings.id} order by f.batch_id, f.seq`),
    )
    const [question] = questions
    if (question === undefined) return
    const { amount, ...line } = question
    const who = actor.name.endsWith('1') ? ('HOUSE' as const) : ('PAYER' as const)
    await ask(scene, actor, `propose ${line.batch_id}:${line.seq}`, async () => {
      await db.tx((tx) => proposeFeeQuestion(tx, line, who, `proposer ${actor.name}`))
      return 'proposed'
    })
    await ask(
      scene,
      actor,
      `${line.batch_id}:${line.seq}`,
      () => db.tx((tx) => confirmFeeQuestion(tx, line, `confirmer ${actor.name}`)),
      amount,
    )
  },
}

/** The invariants hold at every moment, whatever is under way. */
export const checking: UseCase = {
  name: 'hourly check',
  run: async (scene, db, actor) => {
    await ask(scene, actor, 'everything', async () => {
      const { breaches } = await runCheck({ db, log: silent, mode: 'sandbox' }, 'prove')
      return breaches.length === 0 ? 'all is well' : becauseOf(breaches)
    })
  },
}

/** The hourly check found something: everything is held. How much was claimed by then is written down. */
export const holding: UseCase = {
  name: 'hold',
  run: async (scene, db, actor) => {
    await ask(scene, actor, scene.settings.id, async () => {
      await db.tx((tx) => holdConnections(tx, 'a check failed'))
      return look(scene, claimedIn(scene))
    })
  },
}

export const hinting: UseCase = {
  name: 'notification',
  later: true,
  run: async (scene, db) => {
    for (const line of await look(scene, linesIn(scene, 'UNCERTAIN'))) await hintLine(db, line)
  },
}
