import { ADAPTER_STEP_S, startAdapter, type Toolkit } from './rig.ts'
import { checkBooks, judge, movedTo, payees, type Site } from './suite.ts'

const MINUTE = 60_000

/** A few lines with the Testing Toolkit as the hub, by its default rules: fees, random extra properties and all. */
export async function payThroughToolkit(site: Site, toolkit: Toolkit): Promise<void> {
  const { checks, cauri } = site
  checks.title('The Testing Toolkit as the hub')
  const payments = payees(0, 5, 1_000)
  const id = await cauri.pay(payments)
  const lines = await cauri.finished(id, 3 * MINUTE)
  checks.equal(
    '5 lines through the toolkit, COMPLETED',
    lines.filter((line) => line.status === 'COMPLETED').length,
    5,
  )
  checks.note(`the payee’s name as the toolkit gave it: ${lines[0]?.payee_name ?? 'none'}`)
  await toolkit.running.stop()
}

/** 200 lines to 200 payees: each paid exactly once by the hub's own log, and the money explained. */
export async function payMany(site: Site): Promise<void> {
  const { checks, cauri, hub } = site
  checks.title('200 lines to 200 payees')
  const before = await cauri.account()
  const payments = payees(1_000, 200, 10_000)
  const started = performance.now()
  const id = await cauri.pay(payments)
  const lines = await cauri.finished(id, 3 * MINUTE)
  const seconds = (performance.now() - started) / 1_000
  checks.note(`${seconds.toFixed(1)} s, ${(200 / seconds).toFixed(0)} lines/s`)
  checks.equal('COMPLETED', lines.filter((line) => line.status === 'COMPLETED').length, 200)
  checks.equal('by the hub’s log: paid twice, never paid', judge(hub, payments), { twice: 0, never: 0 })
  const moved = movedTo(hub, new Set(payments.map(({ to }) => to)))
  const total = payments.reduce((sum, { amount }) => sum + amount, 0n)
  checks.equal('movements at the hub, francs', `${moved.times}, ${moved.sum}`, `200, ${total}`)
  const after = await cauri.account()
  checks.equal('francs that left the payer’s account', BigInt(before.balance - after.balance), total)
  checks.equal('francs still held', after.reserved, 0)
  checks.equal(
    'payees’ names, as their institution gives them',
    [...new Set(lines.map((line) => line.payee_name))],
    ['Ama Koffi'],
  )
  checkBooks(site)
}

/** Twenty lines to one payee in one list: one at a time, or the adapter hangs. */
export async function paySamePayee(site: Site): Promise<void> {
  const { checks, cauri, hub } = site
  checks.title('The same payee 20 times in one list')
  const to = '22890130000'
  const payments = Array.from({ length: 20 }, (_, i) => ({ to, amount: BigInt(500 + i) }))
  const id = await cauri.pay(payments)
  const lines = await cauri.finished(id, MINUTE)
  checks.equal('COMPLETED', lines.filter((line) => line.status === 'COMPLETED').length, 20)
  checks.equal('by the hub’s log: paid twice, never paid', judge(hub, payments), { twice: 0, never: 0 })
  checks.equal('most transfers in flight to that payee', hub.mostAtOnce(to), 1)
}

/** The same adapter on the ports that it had, with our own hub. */
export async function restartAdapter(site: Site, auto_accept_quotes = true): Promise<void> {
  await site.adapter.stop()
  const { ports, redis_port, adapter_file: file, hub } = site
  const how = { hub_port: hub.port, auto_accept_quotes, step_s: ADAPTER_STEP_S }
  site.adapter = await startAdapter(site.processes, { file, ports, redis_port, ...how })
}
