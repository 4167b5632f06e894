import type { Line } from './cauri.ts'
import type { Behaviour } from './hub-ledger.ts'
import { checkBooks, movedTo, wordsOf, type Site } from './suite.ts'

type Meeting = {
  readonly what: string
  readonly behaviour: Behaviour
  /** Cauri's words in the end. */
  readonly ends: string
  /** How often the hub moves money to this payee. */
  readonly moves: 0 | 1
}

const error = (errorCode: string, errorDescription: string) => ({ errorCode, errorDescription })

const meetings: readonly Meeting[] = [
  {
    what: 'a payee who does not exist (3204)',
    behaviour: { party: error('3204', 'Party not found') },
    ends: 'FAILED PAYEE_NOT_FOUND',
    moves: 0,
  },
  {
    what: 'a look-up that the hub refuses at once (400, 3101)',
    behaviour: { party: 'refused at once' },
    ends: 'FAILED INVALID_ORDER',
    moves: 0,
  },
  {
    what: 'a payee of whom the hub says nothing',
    behaviour: { party: 'silent' },
    ends: 'FAILED PAYEE_UNAVAILABLE',
    moves: 0,
  },
  {
    what: 'a payee whose quote is refused (5200)',
    behaviour: { quote: error('5200', 'Payee limit error') },
    ends: 'FAILED PAYEE_LIMIT',
    moves: 0,
  },
  {
    what: 'a payee whose institution never quotes',
    behaviour: { quote: 'silent' },
    ends: 'FAILED PAYEE_UNAVAILABLE',
    moves: 0,
  },
  {
    what: 'a payee who refuses the transfer (5104)',
    behaviour: { transfer: error('5104', 'Payee rejected transaction') },
    ends: 'FAILED PAYEE_REJECTED',
    moves: 0,
  },
  {
    what: 'a transfer that ends ABORTED',
    behaviour: { transfer: 'aborted' },
    ends: 'FAILED PAYEE_REJECTED',
    moves: 0,
  },
  {
    what: 'a transfer that nobody fulfils before it expires',
    behaviour: { transfer: 'never' },
    ends: 'FAILED EXPIRED',
    moves: 0,
  },
  {
    what: 'a transfer that the hub refuses at once (400, 3101)',
    behaviour: { transfer: 'refused at once' },
    ends: 'FAILED INVALID_ORDER',
    moves: 0,
  },
  {
    what: 'a transfer whose fulfilment is lost',
    behaviour: { transfer: 'untold' },
    ends: 'COMPLETED',
    moves: 1,
  },
  {
    what: 'a transfer that is fulfilled after the adapter gave up',
    behaviour: { transfer: 'late' },
    ends: 'COMPLETED',
    moves: 1,
  },
  {
    what: 'a transfer that is RESERVED, and committed later without a word',
    behaviour: { transfer: 'reserved' },
    ends: 'COMPLETED',
    moves: 1,
  },
  {
    what: 'a transfer with a wrong fulfilment (the money has moved)',
    behaviour: { transfer: 'wrong fulfilment' },
    ends: 'COMPLETED',
    moves: 1,
  },
  { what: 'a fee of 50 F, no fee allowed', behaviour: { fee: 50n }, ends: 'COMPLETED', moves: 1 },
]

const FEE = 50

/** Everything that a payee, an institution or a hub may do to a transfer; Cauri's word for each, and the hub's. */
export async function meetTroubles(site: Site): Promise<void> {
  const { checks, cauri, hub } = site
  checks.title('What a payee, an institution or a hub may do')
  const before = await cauri.account()
  const payments = meetings.map((_, i) => ({
    to: `228901400${String(i).padStart(2, '0')}`,
    amount: BigInt(2_000 + i),
  }))
  meetings.forEach(({ behaviour }, i) => hub.treat(payments[i]?.to ?? '', behaviour))
  const id = await cauri.pay(payments)
  const lines = await cauri.finished(id, 120_000)
  for (const [i, { what, ends, moves }] of meetings.entries()) {
    const to = payments[i]?.to ?? ''
    const line = lines.find((one) => one.payee_party_identifier === to)
    const { times } = movedTo(hub, new Set([to]))
    checks.equal(what, `${wordsOf(line)}; moved ${times}`, `${ends}; moved ${moves}`)
    if (line !== undefined) checks.note(await storyOf(site, id, line))
  }
  const paid = lines.filter((line) => line.status === 'COMPLETED')
  const after = await cauri.account()
  const amounts = paid.reduce((sum, { amount }) => sum + amount, 0)
  checks.equal('francs that left the payer’s account: no fee', before.balance - after.balance, amounts)
  checks.equal('the fee, as the line shows it', paid.find((line) => line.fee > 0)?.fee, FEE)
  const { fees } = cauri.command('payments', 'fees', 'list') as {
    readonly fees: readonly { readonly amount: number }[]
  }
  checks.equal(
    'fees that wait for two people to say who bears them',
    fees.map(({ amount }) => amount),
    [FEE],
  )
  checkBooks(site)
}

/** The same fee where a fee is allowed: the payer bears it, and nobody is asked. */
export async function meetFee(site: Site): Promise<void> {
  const { checks, cauri, hub } = site
  checks.title('A fee within what is allowed (MOJALOOP_FEE_CAP=100)')
  const before = await cauri.account()
  const payment = { to: '22890141000', amount: 3_000n }
  hub.treat(payment.to, { fee: BigInt(FEE) })
  const [line] = await cauri.finished(await cauri.pay([payment]), 60_000)
  checks.equal('the line', `${wordsOf(line)}, fee ${line?.fee}`, `COMPLETED, fee ${FEE}`)
  const after = await cauri.account()
  checks.equal('francs that left the payer’s account', before.balance - after.balance, 3_000 + FEE)
  checks.equal('the hub moved, fee included', movedTo(hub, new Set([payment.to])).sum, 3_050n)
  checkBooks(site)
}

/** What happened to a line, attempt by attempt: the engine's word, and the rail's. */
async function storyOf({ cauri }: Site, id: string, line: Line): Promise<string> {
  const { attempts } = await cauri.story(id, line.transferId)
  const events = attempts.flatMap(({ attempt, events: all }) =>
    all.map(({ what, said }) => {
      const words = ['rail_code', 'rail_state', 'because'].map((name) => said[name])
      return `${attempt} ${what} (${words.filter((word) => typeof word === 'string').join(', ')})`
    }),
  )
  return events.length === 0 ? 'at once' : events.join(' → ')
}
