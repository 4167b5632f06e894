import { expect, test } from 'vitest'
import { progressOf } from '../../prove/processes/judge.ts'
import { freshDatabase } from '../harness/database.ts'
import { until } from '../harness/wait.ts'
import { openSite } from './site.ts'

test('uncertain lines are asked about while fresh ones wait', { timeout: 60_000 }, async () => {
  const { db, url } = await freshDatabase()
  const { openWorker, outside, pay } = await openSite(url, 5, { MOJALOOP_WINDOW: '4' })
  await outside.control('POST', '/_sim/faults', { kind: 'http_500_after_accept', probability: 0.3 })
  await openWorker().start()
  const bulk_id = await pay(95, 800)
  let most = 0
  await until(
    'all are paid',
    async () => {
      const { paid, uncertain } = await progressOf(db, bulk_id)
      most = Math.max(most, uncertain)
      return paid === 800
    },
    50_000,
  )
  expect(most).toBeLessThan(120)
})
