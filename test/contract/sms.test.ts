import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAfricasTalking, openOrangeSms } from '../../src/connectors/sms/index.ts'
import type { SmsProvider } from '../../src/connectors/sms.ts'
import { openOutbound } from '../../src/platform/outbound.ts'
import { openTestWorld, type TestWorld } from '../../src/simulators/test-world.ts'
import { openReceiver } from '../harness/receiver.ts'
import { freePort } from '../harness/seed.ts'
import { until } from '../harness/wait.ts'

type Name = 'orange' | 'africas-talking'
type Message = { readonly kind: string; readonly to: string; readonly text: string; readonly at: string }

const outbound = openOutbound({ production: false, allow_loopback: true })
let world: TestWorld
beforeAll(async () => {
  world = await openTestWorld()
})
afterAll(async () => {
  await world.close()
  await outbound.close()
})

const at = (name: Name, url: string, secret = 'sandbox', timeout_ms = 400): SmsProvider =>
  name === 'orange'
    ? openOrangeSms({ url, client_id: 'sandbox', client_secret: secret, rate_per_s: 0, timeout_ms, outbound })
    : openAfricasTalking({ url, username: 'sandbox', api_key: secret, timeout_ms, outbound })
const here = (name: Name, secret?: string): SmsProvider =>
  at(name, `http://127.0.0.1:${world.simulators.ports.simulator}/sms/${name}`, secret)

const inboxOf = async (to: string, place = world): Promise<readonly Message[]> =>
  (await place.control('GET', `/_sim/inbox?kind=sms&to=${to}`)).json['messages'] as unknown as Message[]
const inject = async (fault: Record<string, unknown>): Promise<void> => {
  const answer = await world.control('POST', '/_sim/faults', { rail: 'sms', ...fault })
  expect(answer.status).toBe(201)
}

let last = 0
/** A number that no other test uses. */
const newNumber = (): string => `+23769${String(++last).padStart(7, '0')}`
const TEXT = 'Cauri : votre code est 042137, à ne donner à personne. 50 € {x} & = +'

describe.each<Name>(['orange', 'africas-talking'])('%s', (name) => {
  test('a message arrives as it was written, under an id of the provider’s', async () => {
    const to = newNumber()
    const answer = await here(name).send({ to, text: TEXT })
    expect(answer).toMatchObject({ kind: 'accepted' })
    expect(answer.kind === 'accepted' && answer.provider_id).toMatch(/^[\w-]{30,40}$/)
    expect(await inboxOf(to)).toMatchObject([{ kind: 'sms', to, text: TEXT }])
  })

  test('wrong credentials are about us, and nothing leaves', async () => {
    const to = newNumber()
    expect(await here(name, 'wrong').send({ to, text: TEXT })).toMatchObject({
      kind: 'unsent',
      about_us: true,
    })
    expect(await inboxOf(to)).toEqual([])
  })

  test('where nobody listens nothing has left', async () => {
    const nowhere = at(name, `http://127.0.0.1:${await freePort()}`)
    expect(await nowhere.send({ to: newNumber(), text: TEXT })).toMatchObject({
      kind: 'unsent',
      about_us: false,
    })
  })

  // fault, what the connector makes of it, how many messages the person has.
  test.each([
    ['insufficient_float', { kind: 'unsent', about_us: true }, 0],
    ['number_refused', { kind: 'refused' }, 0],
    ['http_500_no_create', { kind: 'unknown' }, 0],
    ['http_500_after_accept', { kind: 'unknown' }, 1],
    ['http_503_429', { kind: 'unknown' }, 0],
    ['init_lost_request', { kind: 'unknown' }, 0],
    ['init_lost_response', { kind: 'unknown' }, 1],
    ['silence', { kind: 'unknown' }, 0],
    ['waf_html_200', { kind: 'unknown' }, 0],
  ] as const)('%s', async (kind, expected, messages) => {
    const to = newNumber()
    await inject({ kind, suffix: to.slice(-7), times: 1 })
    const provider = here(name)
    const answer = await provider.send({ to, text: TEXT })
    expect(answer).toMatchObject(expected)
    expect(JSON.stringify(answer)).not.toMatch(new RegExp(`${to.slice(1)}|042137`))
    expect(await inboxOf(to)).toHaveLength(messages)
    expect(await provider.send({ to, text: TEXT })).toMatchObject({ kind: 'accepted' })
    expect(await inboxOf(to)).toHaveLength(messages + 1)
  })

  test('429 is not yet: nothing has left', async () => {
    const to = newNumber()
    await inject({ kind: 'http_503_429', suffix: to.slice(-7), times: 2 })
    const provider = here(name)
    expect(await provider.send({ to, text: TEXT })).toMatchObject({ kind: 'unknown' })
    expect(await provider.send({ to, text: TEXT })).toEqual({
      kind: 'unsent',
      because: 'too fast',
      about_us: false,
    })
    expect(await inboxOf(to)).toEqual([])
  })

  test('a receipt names the message, and what is none is not read', async () => {
    const receiver = await openReceiver()
    await world.control('PUT', '/_sim/settings', { sms: { callback_url: receiver.url } })
    const provider = here(name)
    const answer = await provider.send({ to: newNumber(), text: TEXT })
    await until('the receipt', async () => receiver.received.length > 0)
    await world.control('PUT', '/_sim/settings', { sms: { callback_url: null } })
    const [receipt] = receiver.received
    expect(provider.parseReceipt(Buffer.from(receipt?.body ?? ''))).toEqual({
      provider_id: answer.kind === 'accepted' ? answer.provider_id : '',
      status: 'DELIVERED',
      said: name === 'orange' ? 'DeliveredToTerminal' : 'Success',
    })
    for (const bad of [
      '',
      '{',
      'null',
      '[]',
      'id=&status=Success',
      'id=a&status=toString',
      '{"deliveryInfoNotification":[]}',
    ])
      expect(provider.parseReceipt(Buffer.from(bad))).toBeUndefined()
  })
})

describe('orange', () => {
  test.each([
    ['token_refused', 1, { kind: 'unsent', about_us: true }, 0],
    ['token_unreadable', 1, { kind: 'unsent', about_us: false }, 0],
    // A token that died early is renewed once, unseen by the caller; a second time it is about us.
    ['token_expired_mid_flight', 1, { kind: 'accepted' }, 1],
    ['token_expired_mid_flight', 2, { kind: 'unsent', about_us: true }, 0],
  ] as const)('%s, %i times', async (kind, times, expected, messages) => {
    const to = newNumber()
    await inject({ kind, times })
    expect(await here('orange').send({ to, text: TEXT })).toMatchObject(expected)
    expect(await inboxOf(to)).toHaveLength(messages)
  })

  test('a token that is over is renewed', async () => {
    const provider = here('orange')
    const to = newNumber()
    expect(await provider.send({ to, text: TEXT })).toMatchObject({ kind: 'accepted' })
    await world.advance(3_601)
    expect(await provider.send({ to, text: TEXT })).toMatchObject({ kind: 'accepted' })
    expect(await inboxOf(to)).toHaveLength(2)
  })

  test('fifty messages at once ask for one token', async () => {
    const provider = orangeOf((path) =>
      path.endsWith('/token')
        ? [200, '{"access_token":"t","expires_in":"3600"}']
        : [201, '{"outboundSMSMessageRequest":{}}'],
    )
    const { receiver, sms } = await provider
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => sms.send({ to: newNumber(), text: TEXT })),
    )
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    expect(receiver.received.filter(({ path }) => path.endsWith('/token'))).toHaveLength(1)
    expect(receiver.received).toHaveLength(51)
  })

  test('each country has its sender, and one that Orange does not serve is refused before any call', async () => {
    const { receiver, sms } = await orangeOf((path) =>
      path.endsWith('/token') ? [200, '{"access_token":"t"}'] : [201, '{"outboundSMSMessageRequest":{}}'],
    )
    await sms.send({ to: '+2250700000001', text: TEXT })
    expect(receiver.received[1]?.path).toBe('/smsmessaging/v1/outbound/tel%3A%2B2250000/requests')
    expect(receiver.received[1]?.headers['authorization']).toBe('Bearer t')
    expect(JSON.parse(receiver.received[1]?.body ?? '')).toEqual({
      outboundSMSMessageRequest: {
        address: 'tel:+2250700000001',
        senderAddress: 'tel:+2250000',
        outboundSMSTextMessage: { message: TEXT },
      },
    })
    expect(await sms.send({ to: '+22890123456', text: TEXT })).toEqual({
      kind: 'refused',
      because: 'NO_SENDER_FOR_COUNTRY',
    })
    expect(receiver.received).toHaveLength(2)
  })

  test.each([
    [201, '', 'unknown'],
    [201, '[]', 'unknown'],
    [201, '{"outboundSMSMessageRequest":null}', 'unknown'],
    [201, `{"outboundSMSMessageRequest":{"resourceURL":"https://x/requests/a\\u0000b"}}`, 'accepted'],
    [201, `{"outboundSMSMessageRequest":{"x":"${'x'.repeat(70_000)}"}}`, 'unknown'],
    [204, '', 'unknown'],
    [302, '', 'unknown'],
    [400, '<html>', 'unknown'],
    [400, '{"requestError":{"policyException":{"messageId":"POL0001 +237690000001"}}}', 'refused'],
    [404, '{}', 'unsent'],
    [502, '{"outboundSMSMessageRequest":{}}', 'unknown'],
  ] as const)('an answer %i %j is %s', async (status, body, kind) => {
    const { sms } = await orangeOf((path) =>
      path.endsWith('/token') ? [200, '{"access_token":"t"}'] : [status, body],
    )
    const answer = await sms.send({ to: newNumber(), text: TEXT })
    expect(answer.kind).toBe(kind)
    if (answer.kind === 'accepted') expect(answer.provider_id).toBeUndefined()
    expect(JSON.stringify(answer)).not.toContain('+237')
  })

  test.each([
    [200, '{}'],
    [200, '{"access_token":"a\\r\\nx: y"}'],
    [200, '{"access_token":7}'],
    [500, ''],
  ])('a token answered as %i %j is none', async (status, body) => {
    const { receiver, sms } = await orangeOf(() => [status, body])
    expect(await sms.send({ to: newNumber(), text: TEXT })).toMatchObject({ kind: 'unsent', about_us: false })
    expect(receiver.received).toHaveLength(1)
  })
})

/** A provider against a server that answers as told, by the path that it is asked for. */
async function orangeOf(answer: (path: string) => readonly [number, string]) {
  const receiver = await openReceiver((call, reply) => {
    const [status, body] = answer(receiver.received[call - 1]?.path ?? '')
    reply.writeHead(status).end(body)
  })
  return { receiver, sms: at('orange', `http://127.0.0.1:${receiver.port}`, 'sandbox', 2_000) }
}

describe('africa’s talking', () => {
  const one = (more: object) =>
    JSON.stringify({ SMSMessageData: { Message: '', Recipients: [{ number: '+237690000001', ...more }] } })
  test.each([
    [201, '', 'unknown'],
    [201, '{"SMSMessageData":{"Message":"InvalidSenderId","Recipients":[]}}', 'unsent'],
    [201, '{"SMSMessageData":{"Message":"Sent","Recipients":[]}}', 'unknown'],
    [201, '{"SMSMessageData":{"Recipients":[null]}}', 'unknown'],
    [201, '{"SMSMessageData":{"Recipients":"x"}}', 'unknown'],
    [201, one({ statusCode: 101, number: '+237690000002', messageId: 'a' }), 'unknown'],
    [201, one({ statusCode: 'x', messageId: 'a' }), 'unknown'],
    [201, one({ statusCode: 500 }), 'unknown'],
    [201, one({ statusCode: 403 }), 'refused'],
    [201, one({ statusCode: 405 }), 'unsent'],
    [201, one({ statusCode: 102, messageId: 'ATXid_1' }), 'accepted'],
    [200, one({ statusCode: 100, messageId: 'None' }), 'accepted'],
    [400, 'bad', 'refused'],
    [301, '', 'unknown'],
  ] as const)('an answer %i %j is %s', async (status, body, kind) => {
    const receiver = await openReceiver((_, reply) => void reply.writeHead(status).end(body))
    const sms = at('africas-talking', `http://127.0.0.1:${receiver.port}`, 'sandbox', 2_000)
    expect((await sms.send({ to: '+237690000001', text: TEXT })).kind).toBe(kind)
  })

  test('another number in the answer is not ours', async () => {
    const to = newNumber()
    await inject({ kind: 'answer_of_another', suffix: to.slice(-7), times: 1 })
    expect(await here('africas-talking').send({ to, text: TEXT })).toMatchObject({ kind: 'unknown' })
    expect(await inboxOf(to)).toHaveLength(1)
  })
})

test('the phones forget nothing over a restart, a torn line apart; the latest comes first', async () => {
  const first = await openTestWorld()
  const url = (place: TestWorld) => `http://127.0.0.1:${place.simulators.ports.simulator}/sms/orange`
  const [to, other] = ['+237690000001', '+237690000002']
  await at('orange', url(first)).send({ to, text: 'one' })
  await at('orange', url(first)).send({ to: other, text: 'two' })
  await at('orange', url(first)).send({ to, text: 'three' })
  await first.stop()
  appendFileSync(join(first.folder, 'sms.jsonl'), '{"k":"sms","id":"to')
  const second = await openTestWorld({}, { folder: first.folder })
  expect((await inboxOf(encodeURIComponent(to), second)).map(({ text }) => text)).toEqual(['three', 'one'])
  await at('orange', url(second)).send({ to, text: 'four' })
  expect((await inboxOf(to, second)).map(({ text }) => text)).toEqual(['four', 'three', 'one'])
  await second.close()
})

test('a fault of one world is not one of the other', async () => {
  const refused = await world.control('POST', '/_sim/faults', { rail: 'sms', kind: 'party_not_found' })
  expect([refused.status, refused.json['detail']]).toEqual([400, expect.stringContaining('number_refused')])
  const other = await world.control('POST', '/_sim/faults', { rail: 'mojaloop', kind: 'number_refused' })
  expect(other.status).toBe(400)
})
