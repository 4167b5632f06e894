import { interleavings, test, type Mutant } from './mutant.ts'

const VERDICT = 'src/connectors/mojaloop/verdict.ts'
const VERDICTS = test('src/connectors/mojaloop/verdict.test.ts')
const TWICE = 'test/flows/engine-twice.test.ts'

/** Customers, people, other systems, and the rail's words. */
export const edgeMutants: readonly Mutant[] = [
  {
    name: 'cancelling by a status column only',
    costs: 'a line under way reads NEW: its money is returned, and the payee is paid',
    file: 'src/payments/sql/batches.ts',
    find: '        and (l.seq >= ${from} or exists (select from freed f where l.seq between f.from_seq and f.to_seq))',
    replace: '        and ${from} > 0 and (select count(*) from freed) >= 0',
    caught_by: [interleavings(), test(TWICE, 'way four')],
  },
  {
    name: 'a retry under way is cancelled',
    costs: 'the new attempt is paid while its money is returned',
    file: 'src/payments/sql/batches.ts',
    find: "delete from payments_pursuits where batch_id = ${id} and state = 'RETRY' returning seq",
    replace:
      "delete from payments_pursuits where batch_id = ${id} and state in ('RETRY', 'SENDING') returning seq",
    caught_by: [test('test/flows/engine-control.test.ts', 'a retry that waits')],
  },
  {
    name: 'a resend not held back by a cancelling meanwhile',
    costs: 'cancelled between the question and the resend, it is ordered again',
    file: 'src/payments/sql/drive.ts',
    find: 'and (b.paused or b.cancelled_from is not null)))`',
    replace: 'and b.paused))`',
    caught_by: [test('src/payments/sql/claim.test.ts')],
  },
  {
    name: 'the same list looked for before the lock',
    costs: 'the double click: both uploads find nothing, both are paid',
    file: 'src/bulk/create.ts',
    find: `        await lockPayer(tx, draft.account)
        const list = await checkSameList(tx, deps, draft.account.id, draft.summary.list_hash)`,
    replace: `        const list = await checkSameList(tx, deps, draft.account.id, draft.summary.list_hash)
        await lockPayer(tx, draft.account)`,
    caught_by: [test('test/schedules/double-click.test.ts', 'two imports of one list')],
  },
  {
    name: 'a line that was paid late is paid again',
    costs: 'the rail had paid it after all; the retry of failed lines pays it twice',
    file: 'src/payments/sql/batches.ts',
    find: " and error_code is distinct from 'PAID_LATE'",
    replace: '',
    caught_by: [test('test/flows/engine-control.test.ts', 'paid late')],
  },
  {
    name: 'a lost commit taken for a rollback',
    costs: 'what is not keyed is done twice, and a claim is forgotten',
    file: 'src/platform/db.ts',
    find: '          if (!options.reread) throw error\n',
    replace: '          if (!options.reread) continue\n',
    caught_by: [
      test('src/platform/db.test.ts'),
      interleavings(),
      test('test/flows/engine-fence.test.ts', 'a commit whose answer'),
    ],
  },
  {
    name: 'a lost commit is not looked up',
    costs: 'the customer is told that his list was refused, and it is paid; he sends another one',
    file: 'src/platform/db.ts',
    find: '          if (found !== undefined) return found\n',
    replace: '          if (found === null) return found\n',
    caught_by: [test('src/platform/db.test.ts'), interleavings()],
  },
  {
    name: 'the answer kept for a key after the effect’s transaction',
    costs: 'killed in between, the retry with the same key does it again',
    file: 'src/bulk/create.ts',
    find: '        await completion.complete(tx, createdAnswer(created))\n',
    replace:
      '        setTimeout(() => void deps.db.tx((late) => completion.complete(late, createdAnswer(created))), 0)\n',
    caught_by: [
      test('test/schedules/double-click.test.ts'),
      interleavings(),
      test('test/flows/bulk-upload.test.ts', 'the same form'),
    ],
  },
  {
    name: 'a key that does not look at what was sent',
    costs: 'another list under a used key is answered as if it were paid',
    file: 'src/platform/http/idempotency.ts',
    find: "    if (!row.fingerprint.equals(call.fingerprint)) throw new Refusal('IDEMPOTENCY_KEY_REUSED')\n",
    replace: '',
    caught_by: [test('src/platform/http/idempotency.test.ts')],
  },
  {
    name: 'reservation without a floor',
    costs: 'a payer spends what he does not have',
    file: 'migrations/0003_ledger.sql',
    find: "  constraint ledger_accounts_floor check (floor = 'NONE' or balance >= 0),\n",
    replace: '',
    caught_by: [test('src/ledger/ledger.test.ts')],
  },
  {
    name: 'lines added to a closed entry',
    costs: 'history changes behind the books',
    file: 'migrations/0003_ledger.sql',
    find: 'where e.id = n.id and not e.sealed and e.xid = pg_current_xact_id();',
    replace: 'where e.id = n.id;',
    caught_by: [test('src/ledger/ledger.test.ts')],
  },
  {
    name: 'the same top-up twice',
    costs: 'money that never came',
    file: 'src/payments/account.ts',
    find: 'const reason = `account.topped-up:${account.account_id}:${reference}`',
    replace: 'const reason = `account.topped-up:${account.account_id}:${reference}:${crypto.randomUUID()}`',
    caught_by: [test('src/payments/routes.test.ts'), interleavings()],
  },
  {
    name: 'an incoming transfer under other terms',
    costs: 'the hub is told that another amount was taken',
    file: 'src/payments/incoming/incoming.ts',
    find: "  if (!row.digest.equals(digestOf(transfer))) return { refused: 'MODIFIED_REQUEST' }\n",
    replace: '',
    caught_by: [test('src/payments/incoming/property.test.ts')],
  },
  {
    name: 'callback trusted without a query',
    costs: 'whoever can send a notification decides that a line is paid',
    file: 'src/payments/sql/reviews.ts',
    find: '  db.run(sql`\n    update payments_pursuits set next_at = least(next_at, cauri_now()), hinted_at = cauri_now()',
    replace: `  db.run(sql\`
    with told as (
      update payments_lines l set state = 'PAID', completed_at = cauri_now() from payments_pursuits p
      where p.rail_reference = \${reference} and p.state = 'UNCERTAIN' and l.batch_id = p.batch_id and l.seq = p.seq
    )
    update payments_pursuits set next_at = least(next_at, cauri_now()), hinted_at = cauri_now()`,
    caught_by: [test('src/payments/incoming/hints.test.ts'), interleavings()],
  },
  {
    name: 'one person closes a review alone',
    costs: 'who has the money to himself',
    file: 'migrations/0006_payments.sql',
    find: 'constraint payments_reviews_two_people check (lower(trim(confirmed_by)) <> lower(trim(proposed_by)))',
    replace:
      'constraint payments_reviews_two_people check (confirmed_by is null or confirmed_by is not null)',
    caught_by: [test('test/flows/engine-control.test.ts', 'two people')],
  },
  {
    name: 'a fee question answered twice',
    costs: 'two people are told that they decided, and one of them did not',
    file: 'src/payments/sql/fees.ts',
    find: 'and confirmed_by is null and borne_by is not null\n    returning',
    replace: 'and borne_by is not null\n    returning',
    caught_by: [test('src/payments/fee-question.test.ts'), interleavings()],
  },
  {
    name: 'webhooks sent inside the transaction',
    costs: 'the customer is told of an end that is rolled back, or is not told at all',
    file: 'src/wiring.ts',
    find: `      outbox.add<OutboxKind>(tx, 'bulk.finished', bulk_id, {
        ...fact,
        organization_id: String(fact.organization_id),
      }),`,
    replace: `      void tx.now().then(() =>
      fetch(fact.url, { method: 'POST', body: JSON.stringify({ bulk_id, ...outbox, ...fact.result }) }).catch(() => undefined),
    ) ?? Promise.resolve(),`,
    caught_by: [interleavings(), test('test/flows/bulk-callback.test.ts', 'when the batch is final')],
  },
  {
    name: '504 read as failed',
    costs: 'the adapter has ordered it, something in between gave up waiting: paid and FAILED',
    file: VERDICT,
    find: "  const own = readOwnRefusal(http, root, said)\n  if (own?.kind === 'refused' && ask.phase",
    replace:
      "  if (http.status === 504) return refused('RAIL_ERROR', false, said)\n  const own = readOwnRefusal(http, root, said)\n  if (own?.kind === 'refused' && ask.phase",
    caught_by: [VERDICTS],
  },
  {
    name: 'RESERVED read as paid',
    costs: 'the hub may still give it up: COMPLETED without money',
    file: VERDICT,
    find: "    case 'COMMITTED':\n      return readCommitted(",
    replace: "    case 'RESERVED':\n    case 'COMMITTED':\n      return readCommitted(",
    caught_by: [VERDICTS],
  },
  {
    name: 'wrong amount accepted',
    costs: 'the payee has another amount than was ordered, and the line says COMPLETED',
    file: VERDICT,
    find: "    otherAmount('received by the payee', view.receives, order) ??\n",
    replace: '',
    caught_by: [VERDICTS, test('src/connectors/mojaloop/rail.test.ts')],
  },
  {
    name: 'another payee accepted',
    costs: 'a stranger was paid, and the line says COMPLETED',
    file: VERDICT,
    find: 'if (payee.type !== order.payee.type || payee.identifier !== identifier) return',
    replace: 'if (payee.type !== order.payee.type && payee.identifier !== identifier) return',
    caught_by: [VERDICTS, test('src/connectors/mojaloop/rail.test.ts')],
  },
  {
    name: 'fulfilment not checked',
    costs: 'whoever stands between us and the hub can say that it is paid',
    file: VERDICT,
    find: '  if (provable && !fulfils(fulfilment, condition)) {',
    replace: '  if (provable && fulfilment === condition) {',
    caught_by: [VERDICTS],
  },
  {
    name: 'fulfilment not checked, step by step',
    costs: 'the same, and the adapter does not check it either',
    file: 'src/connectors/mojaloop/steps.ts',
    find: '  if (fulfilment === undefined || !fulfils(fulfilment, quote.condition)) {',
    replace: '  if (fulfilment === undefined) {',
    caught_by: [test('src/connectors/mojaloop/stepwise.test.ts')],
  },
  {
    name: 'a fee above the cap accepted',
    costs: 'the payer bears a fee that he never allowed',
    file: 'src/connectors/mojaloop/quote.ts',
    find: '  if (fee > order.fee_cap) {',
    replace: '  if (fee > order.amount) {',
    caught_by: [
      test('src/connectors/mojaloop/two-phase.test.ts'),
      test('src/connectors/mojaloop/stepwise.test.ts'),
    ],
  },
  {
    name: 'a lease not asked for before the step that moves money',
    costs: 'step by step, a worker that lost its lease in the middle pays all the same',
    file: 'src/connectors/mojaloop/rail.ts',
    find: "    if (!mayMove()) return unknown('the lease was over before the acceptance', verdict.said)\n",
    replace: '',
    caught_by: [test('test/flows/engine-stepwise.test.ts')],
  },
]
