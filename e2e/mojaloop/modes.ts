import { checkBooks, judge, movedTo, payees, wordsOf, type Site } from './suite.ts'

const MINUTE = 60_000

/** AUTO_ACCEPT_QUOTES=false: the price is known before the money moves, so a fee above the cap is not paid. */
export async function payInTwoPhases(site: Site): Promise<void> {
  const { checks, cauri, hub } = site
  checks.title('Two phases (AUTO_ACCEPT_QUOTES=false), MOJALOOP_FEE_CAP=100')
  const payments = payees(60_000, 20, 40_000)
  const [cheap, dear, ...rest] = payments
  if (cheap === undefined || dear === undefined) throw new Error('two payees were expected')
  hub.treat(cheap.to, { fee: 50n })
  hub.treat(dear.to, { fee: 150n })
  const lines = await cauri.finished(await cauri.pay(payments), 2 * MINUTE)
  const of = (to: string) => lines.find((line) => line.payee_party_identifier === to)
  checks.equal('18 lines without a fee: paid twice, never paid', judge(hub, rest), { twice: 0, never: 0 })
  checks.equal('COMPLETED', lines.filter((line) => line.status === 'COMPLETED').length, 19)
  checks.equal('a fee of 50 F', `${wordsOf(of(cheap.to))}, fee ${of(cheap.to)?.fee}`, 'COMPLETED, fee 50')
  checks.equal('a fee of 150 F', wordsOf(of(dear.to)), 'FAILED FEE_ABOVE_CAP')
  checks.note(of(dear.to)?.error_message ?? '')
  const asked = [...hub.transfers.values()].filter(({ payee }) => payee === dear.to).length
  checks.equal('transfers that the hub was asked for at 150 F', asked, 0)
  checkBooks(site)
}

/** MOJALOOP_MODE=stepwise: look-up, quote and transfer as three calls, for adapters that do not take our transfer id. */
export async function payStepByStep(site: Site): Promise<void> {
  const { checks, cauri, hub } = site
  checks.title('Stepwise (MOJALOOP_MODE=stepwise), MOJALOOP_FEE_CAP=100')
  const payments = payees(70_000, 10, 50_000)
  const to = (i: number): string => payments[i]?.to ?? ''
  hub.treat(to(0), { party: { errorCode: '3204', errorDescription: 'Party not found' } })
  hub.treat(to(1), { quote: { errorCode: '5200', errorDescription: 'Payee limit error' } })
  hub.treat(to(2), { transfer: { errorCode: '5104', errorDescription: 'Payee rejected transaction' } })
  hub.treat(to(3), { fee: 150n })
  hub.treat(to(4), { transfer: 'untold' })
  const lines = await cauri.finished(await cauri.pay(payments), 2 * MINUTE)
  const words = (i: number): string => wordsOf(lines.find((line) => line.payee_party_identifier === to(i)))
  checks.equal('a payee who does not exist', words(0), 'FAILED PAYEE_NOT_FOUND')
  checks.equal('a quote that is refused', words(1), 'FAILED PAYEE_LIMIT')
  checks.equal('a payee who refuses', words(2), 'FAILED PAYEE_REJECTED')
  checks.equal('a fee above the cap', words(3), 'FAILED FEE_ABOVE_CAP')
  checks.equal('a fulfilment that is lost', words(4), 'COMPLETED')
  checks.equal('the others: paid twice, never paid', judge(hub, payments.slice(4)), { twice: 0, never: 0 })
  checks.equal('movements to the four who were refused', movedTo(hub, new Set([0, 1, 2, 3].map(to))).times, 0)
  checkBooks(site)
}
