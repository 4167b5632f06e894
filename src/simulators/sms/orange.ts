import { randomUUID } from 'node:crypto'
import { JSON_TYPE, send } from '../http.ts'
import type { Exchange } from '../http.ts'
import { sendPage, strikeMessage } from './strike.ts'
import type { Answers, SmsWorld } from './strike.ts'

/** Every client of the sandbox has these. */
const BASIC = `Basic ${Buffer.from('sandbox:sandbox').toString('base64')}`
const TOKEN_S = 3_600
/** The countries that Orange's API serves, by calling code, each with its one sender address. */
const CODES = ['237', '225', '221', '223', '226', '224', '243', '261']

type Orange = { readonly serve: (exchange: Exchange, path: string) => void }

/** Orange SMS API: the token, and POST /smsmessaging/v1/outbound/{sender}/requests. Tokens do not survive a restart. */
export function openOrange(world: SmsWorld): Orange {
  const tokens = new Map<string, number>()
  return {
    serve: (exchange, path) => {
      if (exchange.method === 'POST' && path === '/oauth/v3/token') return giveToken(world, exchange, tokens)
      const sender = /^\/smsmessaging\/v1\/outbound\/([^/]+)\/requests$/.exec(path)?.[1]
      if (exchange.method !== 'POST' || sender === undefined)
        return answer(exchange, 404, { code: 60, message: 'Resource not found' })
      const until = tokens.get(exchange.headers.authorization ?? '') ?? 0
      if (world.clock.now() >= until) return expired(exchange)
      takeRequest(world, exchange, decode(sender))
    },
  }
}

const answer = ({ res }: Exchange, status: number, body: object): void =>
  send(res, status, JSON_TYPE, JSON.stringify(body))

const expired = (exchange: Exchange): void =>
  answer(exchange, 401, {
    code: 42,
    message: 'Expired credentials',
    description: 'The requested service needs credentials, and the ones provided were out-of-date.',
  })

const refuse = (exchange: Exchange, code: string, text: string, variables: readonly string[] = []): void =>
  answer(exchange, 400, {
    requestError: { serviceException: { messageId: code, text, variables } },
  })

function giveToken({ faults, clock }: SmsWorld, exchange: Exchange, tokens: Map<string, number>): void {
  const strike = faults.strikeSms('token', '')
  if (strike?.kind === 'token_unreadable') return sendPage(exchange)
  const form = new URLSearchParams(exchange.body.toString())
  if (strike !== undefined || exchange.headers.authorization !== BASIC)
    return answer(exchange, 401, { error: 'invalid_client', error_description: 'Unknown client' })
  if (form.get('grant_type') !== 'client_credentials')
    return answer(exchange, 400, { error: 'unsupported_grant_type' })
  const token = `sandbox-${randomUUID()}`
  tokens.set(`Bearer ${token}`, clock.now() + TOKEN_S * 1_000)
  answer(exchange, 200, { token_type: 'Bearer', access_token: token, expires_in: TOKEN_S })
}

type Asked = {
  readonly address?: unknown
  readonly senderAddress?: unknown
  readonly senderName?: unknown
  readonly outboundSMSTextMessage?: { readonly message?: unknown } | null
}

function takeRequest({ faults, phones }: SmsWorld, exchange: Exchange, sender: string): void {
  const asked = readAsked(exchange.body)
  const message = asked?.outboundSMSTextMessage?.message
  if (asked === undefined || typeof message !== 'string' || message === '')
    return refuse(exchange, 'SVC0002', 'Invalid input value for message part %1', ['message'])
  const to = /^tel:(\+[1-9]\d{6,14})$/.exec(String(asked.address))?.[1]
  if (to === undefined)
    return refuse(exchange, 'SVC0004', 'No valid addresses provided in message part %1', ['address'])
  if (asked.senderAddress !== sender)
    return refuse(exchange, 'SVC0002', 'Invalid input value', ['senderAddress'])
  const code = CODES.find((one) => to.startsWith(`+${one}`))
  if (code === undefined || sender !== `tel:+${code}0000`)
    return refuse(exchange, 'SVC0004', 'No valid addresses provided in message part %1', [
      String(asked.address),
    ])
  const name = asked.senderName ?? 'none'
  if (typeof name !== 'string' || !/^[A-Za-z0-9 ]{1,11}$/.test(name))
    return refuse(exchange, 'SVC0002', 'Invalid input value for message part %1', ['senderName'])
  const take = (done: (id: string) => void): void =>
    phones.take({ provider: 'orange', to, text: message }, done)
  const made = (id?: string): void =>
    answer(exchange, 201, { outboundSMSMessageRequest: madeOf(asked, sender, id) })
  const strike = faults.strikeSms('message', to)
  if (strike === undefined) return take(made)
  const answers: Answers = {
    expired: () => expired(exchange),
    noBalance: () =>
      answer(exchange, 403, {
        requestError: {
          policyException: { messageId: 'POL1009', text: 'Insufficient balance', variables: [to] },
        },
      }),
    refused: () => refuse(exchange, 'SVC0004', 'No valid addresses provided in message part %1', [to]),
    ofAnother: () => made(),
  }
  strikeMessage(strike, exchange, { take, answers })
}

const madeOf = (asked: Asked, sender: string, id: string | undefined): object => ({
  address: [asked.address],
  senderAddress: sender,
  ...(asked.senderName === undefined ? {} : { senderName: asked.senderName }),
  outboundSMSTextMessage: asked.outboundSMSTextMessage,
  ...(id === undefined
    ? {}
    : { resourceURL: `https://api.orange.com/smsmessaging/v1/outbound/${sender}/requests/${id}` }),
})

function readAsked(body: Buffer): Asked | undefined {
  try {
    const root = JSON.parse(body.toString()) as { outboundSMSMessageRequest?: Asked } | null
    return root?.outboundSMSMessageRequest ?? undefined
  } catch {
    return undefined // not JSON: refused as Orange does
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return '' // a sender that is none
  }
}
