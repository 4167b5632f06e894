import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../processes.ts'
import { restartAdapter } from './pay.ts'
import { ADAPTER_STEP_S, says200 } from './rig.ts'
import { adapterUrl, checkBooks, judge, payees, type Site } from './suite.ts'

const MINUTE = 60_000
const ROUNDS = 20
const LINES = 60

/** The adapter's own hang: Cauri must see it, say so, blame no payee, and go on by itself after the restart. */
export async function surviveWedge(site: Site): Promise<void> {
  const { checks, cauri, hub, ports } = site
  checks.title('An adapter that hangs for ever and says that it is well')
  const rounds = await wedge(site)
  checks.that('20 calls at once for one payee, past Cauri, wedge the adapter', rounds > 0, `round ${rounds}`)
  if (rounds === 0) return
  checks.equal(
    'GET / of the wedged adapter',
    (await says200(`${adapterUrl(ports)}/`)) === true ? 200 : 'no 200',
    200,
  )

  const payments = payees(50_000, LINES, 30_000)
  const id = await cauri.pay(payments)
  const paused = await until('the batch to be paused', 2 * MINUTE, async () => {
    const now = await cauri.batch(id)
    return now.paused ? now : undefined
  })
  checks.that('the batch is shown paused', paused.paused, paused.pause_reason ?? 'without a reason')
  const rails = (cauri.command('rails', 'list')['rails'] ?? []) as readonly Readonly<
    Record<string, unknown>
  >[]
  checks.note(`cauri rails list: ${String(rails[0]?.['state'])}`)
  await pause(4 * ADAPTER_STEP_S * 1_000)
  const still = await cauri.batch(id)
  checks.equal('while it hangs: failed, completed', `${still.failed}, ${still.completed}`, '0, 0')
  checks.note(`${still.uncertain} uncertain, ${still.pending} pending`)

  await restartAdapter(site)
  checks.note('the adapter is restarted; nothing is said to Cauri')
  const lines = await cauri.finished(id, 3 * MINUTE)
  checks.equal('COMPLETED', lines.filter((line) => line.status === 'COMPLETED').length, LINES)
  checks.equal('by the hub’s log: paid twice, never paid', judge(hub, payments), { twice: 0, never: 0 })
  checks.equal('the connection and its reason afterwards', (await cauri.batch(id)).paused, false)
  checkBooks(site)
}

/** Answers in which round the adapter stopped resolving anybody; 0 when it never did. */
async function wedge({ ports, hub }: Site): Promise<number> {
  const url = adapterUrl(ports)
  const payer = { type: 'BUSINESS', idType: 'MSISDN', idValue: '123456789' }
  const post = async (to: string): Promise<void> => {
    const body = JSON.stringify({
      homeTransactionId: 'past-cauri',
      transferId: randomUUID(),
      from: payer,
      to: { idType: 'MSISDN', idValue: to },
      amountType: 'SEND',
      currency: 'XOF',
      amount: '1',
      transactionType: 'TRANSFER',
    })
    const signal = AbortSignal.timeout(2 * ADAPTER_STEP_S * 1_000)
    const call = { method: 'POST', body, headers: { 'content-type': 'application/json' }, signal }
    await fetch(`${url}/transfers`, call).catch(() => undefined) // wedged, some are never answered
  }
  for (let round = 1; round <= ROUNDS; round++) {
    const to = `2289099${String(round).padStart(4, '0')}`
    await Promise.all(Array.from({ length: 20 }, () => post(to)))
    const answer = await fetch(`${url}/parties/MSISDN/22890990000`)
    const text = await answer.text()
    if (text.includes('Timeout') && hub.unheard.length === 0) return round
  }
  return 0
}
