import { cancelBulk, pauseBulk, retryBulk } from '../../src/bulk/act.ts'
import type { IncomingTransfer } from '../../src/connectors/index.ts'
import { concludeIncoming } from '../../src/payments/incoming/conclude.ts'
import { takeIn } from '../../src/payments/incoming/take.ts'
import { findAccount, topUp } from '../../src/payments/index.ts'
import type { Db } from '../../src/platform/db.ts'
import { beginIdempotent, withoutKey } from '../../src/platform/http/idempotency.ts'
import { sha256 } from '../../src/platform/ids.ts'
import { purposeHandlers } from '../../src/wiring.ts'
import { ask, bulksOf, look, type UseCase } from './ask.ts'
import { answeringFees, checking, hinting, holding, reviewing } from './people.ts'
import { listNamed, send, type Scene } from './scene.ts'
import { workerOf } from './worker.ts'

const onOneBulk = (
  name: string,
  act: (scene: Scene, db: Db, bulk_id: string) => Promise<string>,
): UseCase => ({
  name,
  run: async (scene, db, actor) => {
    const bulks = await look(scene, bulksOf(scene))
    const bulk_id = bulks[0]
    if (bulk_id !== undefined) await ask(scene, actor, bulk_id, () => act(scene, db, bulk_id))
  },
})

const reason = { reason: 'a test' }

/** How many lines are cancelled before and after tells how many this one cancelled. */
const cancelling = onOneBulk('cancel', async (scene, db, bulk_id) => {
  const bulk = await cancelBulk(db, scene.maker, { bulk_id, ...reason }, purposeHandlers, withoutKey)
  return `cancelled, ${bulk.cancelled} by now`
})

const pausing = onOneBulk('pause, then resume', async (scene, db, bulk_id) => {
  await pauseBulk(db, scene.maker, { bulk_id, ...reason }, true, withoutKey)
  await pauseBulk(db, scene.maker, { bulk_id, ...reason }, false, withoutKey)
  return 'resumed'
})

const retrying: UseCase = {
  ...onOneBulk('pay failed lines again', async (scene, db, bulk_id) => {
    const connection = { id: scene.settings.id, fee_cap: scene.fee_cap }
    const retry = { bulk_id, ...reason, transfer_ids: null, connection }
    return (await retryBulk(db, scene.maker, retry, withoutKey)).bulk_id
  }),
  later: true,
}

const sending = (name: string, list: string, key?: string): UseCase => ({
  name,
  run: async (scene, db, actor) => {
    const one = listNamed(scene, list)
    await ask(scene, actor, list, () =>
      key === undefined ? send(scene, db, one) : sendWithKey(scene, db, list, `${scene.name}-${key}`),
    )
  },
})

/** As the routes do it (src/platform/http/route-key.ts). */
async function sendWithKey(scene: Scene, db: Db, list: string, key: string): Promise<string> {
  const one = listNamed(scene, list)
  const begun = await beginIdempotent(db, {
    scope: scene.name,
    key,
    fingerprint: sha256(one.csv),
    lease_s: 60,
  })
  const idOf = (body: unknown): string => (body as { bulkTransferId: string }).bulkTransferId
  if (begun.kind === 'replay') return idOf(begun.answer.body)
  try {
    return await send(scene, db, one, begun)
  } catch (error) {
    const kept = await begun.release()
    if (kept !== undefined) return idOf(kept.body)
    throw error
  }
}

const working: UseCase = {
  name: 'worker',
  closed: true,
  run: async (scene, db, actor) => {
    const worker = workerOf(scene, db, actor)
    worker.start()
    await scene.stage.clockOf(actor).sleep(1_000 + scene.random.below(4_000))
    // Past its deadline it gives up, and its process ends with what it had not settled.
    await worker.stop(7_000).catch(() => undefined)
  },
}

const toppingUp: UseCase = {
  name: 'top up',
  run: async (scene, db, actor) => {
    const amount = 40n
    const account = await look(scene, findAccount(scene.db, scene.maker.organization_id, scene.account_id))
    await ask(
      scene,
      actor,
      'slip-1',
      async () => {
        const work = { amount, reference: 'slip-1', rail: scene.settings.id }
        return String(await db.tx((tx) => topUp(tx, 'prove', account, work)))
      },
      amount,
    )
  },
}

const incoming = (scene: Scene): IncomingTransfer => ({
  transfer_id: `in-${scene.name}`,
  payee: { type: 'MSISDN', identifier: scene.payer_number },
  payer: { type: 'MSISDN', identifier: '22870000001' },
  amount: 30n,
  currency: 'XOF',
})

const receiving: UseCase = {
  name: 'take in a transfer',
  run: async (scene, db, actor) => {
    const transfer = incoming(scene)
    await ask(scene, actor, transfer.transfer_id, async () => {
      const answer = await takeIn(db, transfer, 'AT_NOTIFICATION')
      return 'refused' in answer ? `refused ${answer.refused}` : `${answer.state} ${answer.home_reference}`
    })
  },
}

const concluding: UseCase = {
  name: 'conclude a transfer',
  run: async (scene, db, actor) => {
    const { transfer_id } = incoming(scene)
    await takeIn(db, incoming(scene), 'AT_NOTIFICATION')
    const word = actor.name.endsWith('1') ? 'ABORTED' : 'COMMITTED'
    await ask(scene, actor, `${transfer_id} ${word}`, async () => {
      const answer = await concludeIncoming(db, transfer_id, word)
      return typeof answer === 'string' ? answer : `refused ${answer.refused}`
    })
  },
}

export const worker = working

/** Everything that may happen at once with everything else; what races the worker for money comes more often. */
export const useCases: readonly UseCase[] = [
  working,
  working,
  cancelling,
  cancelling,
  cancelling,
  cancelling,
  pausing,
  pausing,
  retrying,
  sending('send list A', 'A'),
  sending('send list B', 'B'),
  sending('send list B with a key', 'B', 'key'),
  sending('send ids as list C', 'C'),
  sending('send ids as list D', 'D'),
  toppingUp,
  receiving,
  concluding,
  reviewing,
  answeringFees,
  checking,
  holding,
  hinting,
]
