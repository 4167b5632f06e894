import { send, JSON_TYPE } from '../http.ts'
import type { Exchange } from '../http.ts'
import { strikeMessage } from './strike.ts'
import type { Answers, SmsWorld } from './strike.ts'

/** Every client of the sandbox has these, as of Africa's Talking's own sandbox the name is. */
const USERNAME = 'sandbox'
const API_KEY = 'sandbox'

type Recipient = {
  readonly statusCode: number
  readonly number: string
  readonly status: string
  readonly cost: string
  readonly messageId: string
}

/** POST /version1/messaging: a form with one number or several, each answered with a code of its own. */
export function serveAfricasTalking({ faults, phones }: SmsWorld, exchange: Exchange): void {
  const { res } = exchange
  const form = new URLSearchParams(exchange.body.toString())
  const unauthorized = (): void => send(res, 401, 'text/plain', 'The supplied authentication is invalid')
  if (exchange.method !== 'POST') return send(res, 405, 'text/plain', 'Method not allowed')
  if (exchange.headers['apikey'] !== API_KEY || form.get('username') !== USERNAME) return unauthorized()
  const text = form.get('message') ?? ''
  const to = form.get('to') ?? ''
  if (text === '' || to === '') return send(res, 400, 'text/plain', 'Request is missing required form field')
  if (to.includes(',')) return send(res, 400, 'text/plain', 'The sandbox takes one number at a time')
  const say = (recipient: Recipient): void => {
    const taken = recipient.statusCode < 200 ? 1 : 0
    const Message = `Sent to ${taken}/1 Total Cost: ${taken === 1 ? recipient.cost : '0'}`
    const body = JSON.stringify({ SMSMessageData: { Message, Recipients: [recipient] } })
    send(res, 201, JSON_TYPE, body)
  }
  const of = (statusCode: number, status: string): Recipient => ({
    statusCode,
    number: to,
    status,
    cost: '0',
    messageId: 'None',
  })
  if (!/^\+[1-9]\d{6,14}$/.test(to)) return say(of(403, 'InvalidPhoneNumber'))
  const take = (done: (id: string) => void): void =>
    phones.take({ provider: 'africas-talking', to, text }, done)
  const taken = (messageId: string): Recipient => ({ ...of(101, 'Success'), cost: 'XAF 12.0000', messageId })
  const strike = faults.strikeSms('message', to)
  if (strike === undefined) return take((id) => say(taken(id)))
  const answers: Answers = {
    expired: unauthorized,
    noBalance: () => say(of(405, 'InsufficientBalance')),
    refused: () => say(of(406, 'UserInBlacklist')),
    ofAnother: (id) => say({ ...taken(id), number: '+237600000000' }),
  }
  strikeMessage(strike, exchange, { take, answers })
}
