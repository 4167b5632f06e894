import { interleavings, simulation, test, type Mutant } from './mutant.ts'

const ENGINE = 'src/payments/engine'
const OUTCOME = `${ENGINE}/outcome.test.ts`
const FENCE = 'test/flows/engine-fence.test.ts'
const CONTROL = 'test/flows/engine-control.test.ts'

/** References, resends, leases and what an answer means. */
export const engineMutants: readonly Mutant[] = [
  {
    name: 'a new reference for each call',
    costs: 'the rail cannot know that a second call is the same order: it pays again',
    file: `${ENGINE}/reference.ts`,
    find: 'name.writeUInt16BE(attempt, 20)',
    replace: 'name.writeUInt16BE((attempt + Math.floor(Math.random() * 60_000)) & 0xffff, 20)',
    caught_by: [test(`${ENGINE}/engine.test.ts`)],
  },
  {
    name: 'a new reference on resend',
    costs: 'the first sending had been paid, its answer was lost: the payee gets it twice',
    file: `${ENGINE}/ask-again.ts`,
    find: "          kind: 'pay',\n",
    replace: "          kind: 'pay',\n          order: { ...task.order, reference: crypto.randomUUID() },\n",
    caught_by: [simulation(), interleavings(), test('test/flows/engine-twice.test.ts', 'way one')],
  },
  {
    name: 'a new attempt after not found',
    costs: '«not found» is no refusal: the first order may still arrive, and both are paid',
    file: `${ENGINE}/pursue.ts`,
    find: "  return { kind: 'resend' }",
    replace:
      "  return { kind: 'settle', outcome: { ...idOf(sent), word: 'RETRY', pursuit: { rail_reference: '', after_ms: 0, because: 'not found' } } }",
    caught_by: [test(OUTCOME), simulation(), interleavings()],
  },
  {
    name: 'release on time-out',
    costs: 'the money goes back to the payer while the rail pays the payee',
    file: `${ENGINE}/outcome.ts`,
    find: '      return uncertain(firstQueryDelay(settings, answer.prepared === true), answer.because)',
    replace: "      return { ...base, word: 'FAILED', code: 'RAIL_ERROR', message: answer.because }",
    caught_by: [test(OUTCOME), simulation(), interleavings()],
  },
  {
    name: 'a refusal after a resend believed',
    costs: 'the first sending is still under way and pays; the second one was refused, and we say FAILED',
    file: `${ENGINE}/outcome.ts`,
    find: '      return sent.resent\n',
    replace: '      return sent.resent && sent.attempt > 99\n',
    caught_by: [test(OUTCOME), simulation()],
  },
  {
    name: 'more than was ordered accepted',
    costs: 'the rail paid out more, and nobody looks at it',
    file: `${ENGINE}/outcome.ts`,
    find: '  if (paid.amount !== order.amount) return',
    replace: '  if (paid.amount < order.amount) return',
    caught_by: [test(OUTCOME)],
  },
  {
    name: 'paid to another party accepted',
    costs: 'a stranger has the money, and the line says COMPLETED',
    file: `${ENGINE}/outcome.ts`,
    find: 'paid.payee.identifier !== order.payee.identifier || paid.payee.type !== order.payee.type',
    replace: 'paid.payee.type !== order.payee.type',
    caught_by: [test(OUTCOME)],
  },
  {
    name: 'a question while the transfer waits',
    costs: 'asking the adapter about a transfer that waits for acceptance destroys it (Mojaloop SDK)',
    file: `${ENGINE}/connection.ts`,
    find: 'prepared ? queryDelay(settings, 0) : Math.max(queryDelay(settings, 0), settings.expiry_ms)',
    replace: 'prepared ? queryDelay(settings, 0) : queryDelay(settings, 0)',
    caught_by: [test(OUTCOME)],
  },
  {
    name: 'a resend in a cancelled batch',
    costs: 'the customer has cancelled, and we order it once more',
    file: `${ENGINE}/pursue.ts`,
    find: '  if (due.cancelled)\n',
    replace: '  if (due.cancelled && due.resent > 9)\n',
    caught_by: [test(OUTCOME), test(CONTROL, 'cancel in the middle')],
  },
  {
    name: 'a lease clock that ignores a freeze',
    costs: 'a worker that was frozen sends although another drives by now',
    file: `${ENGINE}/lease.ts`,
    find: 'safe: () => token !== 0n && since() < (settings.lease_ms * 2) / 3,',
    replace: 'safe: () => token !== 0n,',
    caught_by: [test(`${ENGINE}/lease.test.ts`), test(FENCE, 'a process that was frozen'), simulation()],
  },
  {
    name: 'the lease clock read after the renewal',
    costs: 'a slow database makes a worker believe in its lease for longer than it lasts',
    file: `${ENGINE}/lease.ts`,
    find: '      token = lease.token\n      state = lease.state\n      renewed = started\n',
    replace: '      token = lease.token\n      state = lease.state\n      renewed = clocks()\n',
    caught_by: [test(`${ENGINE}/lease.test.ts`), simulation()],
  },
  {
    name: 'an order of an older lease sent',
    costs:
      'another worker has recovered it meanwhile: the rail gets it from both, whatever was decided in between',
    file: `${ENGINE}/driver.ts`,
    find: 'if (task.token !== drive.lease.token()) drive.queue.done(task)',
    replace: 'if (task.token > drive.lease.token()) drive.queue.done(task)',
    caught_by: [test(FENCE, 'an order claimed under'), simulation(), interleavings()],
  },
  {
    name: 'a quote accepted that is not written down',
    costs: 'killed after it, nobody knows the reference under which the rail pays: it is ordered again',
    file: `${ENGINE}/driver.ts`,
    find: 'const safe = committed && drive.lease.token() === token && drive.lease.safe()',
    replace: 'const safe = drive.lease.token() === token && drive.lease.safe()',
    caught_by: [test(FENCE, 'a quote that cannot be written down'), simulation(), interleavings()],
  },
  {
    name: 'unsent treated as failed',
    costs: 'a socket of ours that does not open fails payments that nobody refused',
    file: `${ENGINE}/driver.ts`,
    find: 'if (waits && unsent < MOST_UNSENT) return drive.queue.push({ ...task, unsent })',
    replace:
      "if (waits && unsent < MOST_UNSENT) return drive.settler.add({ batch_id: sent.batch_id, seq: sent.seq, attempt: sent.attempt, pursued, word: 'FAILED', code: 'RAIL_ERROR', message: answer.because }, token, task.range)",
    caught_by: [test(CONTROL, 'a rail that is away'), simulation()],
  },
  {
    name: 'two calls at once for one payee',
    costs: 'a real adapter is wedged by it for good, and the answers cannot be told apart',
    file: `${ENGINE}/queue.ts`,
    find: '        if (!busy.has(payee)) {',
    replace: '        if (!busy.has(payee) || payee.length > 0) {',
    caught_by: [test(`${ENGINE}/engine.test.ts`)],
  },
  {
    name: 'a claim whose commit was lost is forgotten',
    costs: 'its lines are claimed by nobody who knows of them: they wait for ever',
    file: `${ENGINE}/driver.ts`,
    find: 'if (error instanceof CommitUnknown) await',
    replace: 'if (error instanceof CommitUnknown && drive.stopping) await',
    caught_by: [simulation(), interleavings(), test(FENCE, 'a commit whose answer is lost')],
  },
  {
    name: 'orders queued before their claim is committed',
    costs:
      'the commit fails, the batch is cancelled and its money returned, and the orders leave all the same',
    file: `${ENGINE}/claims.ts`,
    find: '    return { claim, rows: await drive.store.selectOrders(tx, claim) }',
    replace: `    for (const row of await drive.store.selectOrders(tx, claim)) {
      const order = orderOf(row, drive.batch(row.batch_id))
      drive.queue.push({ kind: 'pay', row, order, rail_reference: order.reference, token, resent: false })
    }
    return { claim, rows: [] }`,
    caught_by: [simulation(), interleavings()],
  },
  {
    name: 'freed by a worker that does not drive any more',
    costs: 'the next worker has recovered those lines as possibly sent; freed, they become new orders',
    file: `${ENGINE}/claims.ts`,
    find: 'freeing them too would be a second order.\n  if (!(await drive.store.lockDriving(tx, drive.settings.id, token))) return []',
    replace:
      'freeing them too would be a second order.\n  await drive.store.lockDriving(tx, drive.settings.id, token)',
    caught_by: [test(`${ENGINE}/claims.test.ts`), simulation(), interleavings()],
  },
  {
    name: 'lines given back and kept',
    costs:
      'what was freed is cancelled by the customer and sent by the worker that still has it in its queue',
    file: `${ENGINE}/queue.ts`,
    find: '      ready = ready.slice(head).filter(keep)\n      head = 0',
    replace: '      void ready.slice(head).filter(keep)',
    caught_by: [test(`${ENGINE}/engine.test.ts`), simulation(), interleavings()],
  },
  {
    name: 'recover as unsent',
    costs: 'a dead worker’s orders may have been sent: started again, they are not asked about first',
    file: `${ENGINE}/recover.ts`,
    find: 'lines.filter((line) => line.rail_reference !== null || !referred)',
    replace: 'lines.filter((line) => line.rail_reference !== null)',
    caught_by: [simulation(), interleavings(), test(FENCE, 'lines that were sent under our own reference')],
  },
  {
    name: 'nobody takes over what a dead worker was sending',
    costs: 'a new attempt that was under way is followed by nobody',
    file: `${ENGINE}/recover.ts`,
    find: '    if (uncertain.length > 0) await settleHere(',
    replace: '    if (uncertain.length > 99) await settleHere(',
    caught_by: [simulation(), interleavings()],
  },
]
