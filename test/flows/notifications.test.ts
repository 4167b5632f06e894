import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAfricasTalking, openOrangeSms } from '../../src/connectors/sms/index.ts'
import type { SmsProvider } from '../../src/connectors/sms.ts'
import { notify, sendMessage, type Notice, type Sending } from '../../src/notifications/index.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { sql, type Db } from '../../src/platform/db.ts'
import { readConfig } from '../../src/platform/config.ts'
import { openJobs, type Jobs } from '../../src/platform/jobs.ts'
import { openLog } from '../../src/platform/log.ts'
import { openOutbound } from '../../src/platform/outbound.ts'
import { drainOutbox } from '../../src/platform/outbox.ts'
import { openMail, openSms } from '../../src/providers.ts'
import { freshDatabase } from '../harness/database.ts'
import { openWorld, type World } from '../harness/payments.ts'
import { spawnNode } from '../harness/process.ts'
import { openServer, type TestServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

type Message = { readonly kind: string; readonly to: string; readonly text: string }
const code = (secret: string): Notice => ({ kind: 'phone_code', news: { code: secret, minutes: 10 } })

describe.each(['orange', 'africas-talking'])('in the whole product, by %s', (provider) => {
  let server: TestServer
  beforeAll(async () => {
    server = await openServer({ env: { SMS_PROVIDER: provider } })
    return () => server.stop()
  })

  test('what is written with a fact arrives, and the inbox shows it under the API’s own address', async () => {
    const phone = '+237690000010'
    const undone = server.app.ctx.db.tx(async (tx) => {
      await notify(tx, { phone, language: 'fr' }, code('111111'))
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    await server.app.ctx.db.tx((tx) => notify(tx, { phone, language: 'en' }, code('222222')))
    const messages = await until('the message', async () => {
      const { body } = await server.call('GET', `/_sim/inbox?kind=sms&to=${encodeURIComponent(phone)}`)
      const found = body.messages as Message[]
      return found.length > 0 && found
    })
    expect(messages).toMatchObject([
      { kind: 'sms', to: phone, text: expect.stringContaining('your code is 222222') },
    ])
    expect((await server.call('GET', '/_sim/inbox?to=%2B237690000011')).body).toEqual({ messages: [] })
    const email = 'awa@example.cm'
    await server.app.ctx.db.tx((tx) => notify(tx, { email, language: 'fr' }, code('333333')))
    const mails = await until('the mail', async () => {
      const { body } = await server.call('GET', `/_sim/inbox?kind=mail&to=${email}`)
      const found = body.messages as Message[]
      return found.length > 0 && found
    })
    expect(mails[0]?.text).toMatch(/^Votre code\n\nCauri : votre code est 333333.* même à un agent\.$/)
    const row = await until('it is marked', async () =>
      server.db.maybeOne(
        sql`select text, provider, tries from notifications_messages where state = 'SENT' and channel = 'sms'`,
      ),
    )
    expect(row).toEqual({ text: null, provider, tries: 1 })
  })
})

describe('one message at a time', () => {
  const outbound = openOutbound({ production: false, allow_loopback: true })
  const lines: string[] = []
  const log = openLog('trace', { write: (line: string) => void lines.push(line) })
  let db: Db
  let url: string
  let world: World
  let jobs: Jobs<'send'>
  let orange: SmsProvider
  beforeAll(async () => {
    const database = await freshDatabase()
    ;({ db, url } = database)
    world = await openWorld()
    orange = openOrangeSms({ ...at('orange'), client_id: 'sandbox', client_secret: 'sandbox', rate_per_s: 0 })
    jobs = await openJobs(url, { send: { retries: 1, retry_delay_s: 1 } }, log)
  })
  afterAll(async () => {
    await jobs.stop(1_000)
    await outbound.close()
    await world.close()
  })

  const at = (name: string) => ({
    url: `http://127.0.0.1:${world.simulators.ports.simulator}/sms/${name}`,
    timeout_ms: 400,
    outbound,
  })
  let last = 0
  /** Writes a message to a number of its own, drains the outbox and answers what a job would be given. */
  async function written(notice: Notice = code('424242')): Promise<Sending & { readonly phone: string }> {
    const phone = `+23769000${String(++last).padStart(4, '0')}`
    await db.tx((tx) => notify(tx, { phone, language: 'fr' }, notice))
    const sent: Sending[] = []
    const handlers = {
      notification: async (_: unknown, row: { payload: unknown }) => void sent.push(row.payload as Sending),
    }
    await drainOutbox(db, handlers, { log })
    const [only, ...others] = sent
    if (only === undefined || others.length > 0) throw new Error('expected one row in the outbox')
    return { ...only, phone }
  }
  const inboxOf = async (phone: string): Promise<number> => {
    const answer = await world.control('GET', `/_sim/inbox?to=${phone}`)
    return (answer['messages'] as Message[]).length
  }
  const stateOf = (message_id: string) =>
    db.one<{ state: string; tries: number; text: string | null; because: string | null }>(
      sql`select state, tries, text, because from notifications_messages where id = ${message_id}`,
    )
  const inject = (kind: string, phone: string, times = 1) =>
    world.control('POST', '/_sim/faults', { rail: 'sms', kind, suffix: phone.slice(-7), times })
  const send = ({ message_id }: Sending, provider: SmsProvider | undefined = orange) =>
    sendMessage({ db, log, sms: provider, mail: undefined }, { message_id })

  test('it is sent once however often its job runs', async () => {
    const message = await written()
    for (let i = 0; i < 3; i++) await send(message)
    expect(await inboxOf(message.phone)).toBe(1)
    expect(await stateOf(message.message_id)).toMatchObject({ state: 'SENT', tries: 1, text: null })
  })

  // fault, what the message then is, whether the job must run again, how often the person has it in the end.
  test.each([
    ['http_500_no_create', 'SENDING', true, 1],
    ['http_500_after_accept', 'SENDING', true, 2],
    ['init_lost_response', 'SENDING', true, 2],
    ['silence', 'SENDING', true, 1],
    ['insufficient_float', 'WAITING', true, 1],
    ['number_refused', 'REFUSED', false, 0],
  ] as const)('%s: %s, again %s, %i in the end', async (kind, state, again, arrived) => {
    const message = await written()
    await inject(kind, message.phone)
    const run = send(message)
    if (again) await expect(run).rejects.toThrow(/^message \d+ (may have left|did not leave): /)
    else await run
    expect(await stateOf(message.message_id)).toMatchObject({
      state,
      text: again ? expect.any(String) : null,
    })
    await send(message)
    // Our word or the provider's code, never its sentence, which names the number.
    expect(await stateOf(message.message_id)).toMatchObject({
      state: again ? 'SENT' : state,
      text: null,
      because: again ? null : 'SVC0004',
    })
    expect(await inboxOf(message.phone)).toBe(arrived)
  })

  test('a worker that dies between the sending and its mark sends again: at least once, never none', async () => {
    const message = await written()
    const program = fileURLToPath(new URL('../harness/programs/send-and-die.ts', import.meta.url))
    const worker = spawnNode(program, { args: [url, at('orange').url, message.message_id] })
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(await stateOf(message.message_id)).toMatchObject({ state: 'SENDING', tries: 1 })
    expect(await inboxOf(message.phone)).toBe(1)
    await send(message)
    expect(await stateOf(message.message_id)).toMatchObject({ state: 'SENT', tries: 2 })
    expect(await inboxOf(message.phone)).toBe(2)
  })

  test('without a provider a message waits, and its job dies where people see it', async () => {
    const message = await written()
    await jobs.work<Sending>(
      'send',
      (job) => sendMessage({ db, log, sms: undefined, mail: undefined }, job.data),
      { poll_s: 0.5 },
    )
    await db.tx((tx) => jobs.send(tx, 'send', { message_id: message.message_id }))
    const [dead] = await until('the job is dead', async () => {
      const found = await jobs.listDead()
      return found.length > 0 && found
    })
    expect(dead).toMatchObject({ queue: 'send', data: { message_id: message.message_id } })
    expect(JSON.stringify(dead)).not.toMatch(/424242|23769000/)
    expect(await stateOf(message.message_id)).toMatchObject({ state: 'WAITING', tries: 0 })
    await send(message)
    expect(await inboxOf(message.phone)).toBe(1)
  })

  test('an old code does not arrive', async () => {
    const message = await written()
    await advanceClock(db, 601)
    await send(message)
    expect(await stateOf(message.message_id)).toMatchObject({ state: 'EXPIRED', tries: 0, text: null })
    expect(await inboxOf(message.phone)).toBe(0)
  })

  test('neither a number nor a text is in any log, whatever went wrong', async () => {
    const faults = [
      'token_refused',
      'insufficient_float',
      'number_refused',
      'waf_html_200',
      'silence',
      'init_lost_response',
    ]
    const africas = openAfricasTalking({ ...at('africas-talking'), username: 'sandbox', api_key: 'wrong' })
    const before = lines.length
    const phones: string[] = []
    for (const kind of faults) {
      const message = await written(code('970531'))
      phones.push(message.phone)
      await world.control('POST', '/_sim/faults', { rail: 'sms', kind, times: 1 })
      const fresh = openOrangeSms({
        ...at('orange'),
        client_id: 'sandbox',
        client_secret: 'sandbox',
        rate_per_s: 0,
      })
      for (const provider of [fresh, africas, fresh])
        await sendMessage({ db, log, sms: provider, mail: undefined }, message).catch((err: unknown) =>
          log.warn({ err }, 'a job failed'),
        )
      await world.control('DELETE', '/_sim/faults')
    }
    const said = lines.slice(before).join('')
    expect(said.length).toBeGreaterThan(1_000)
    expect(said).toContain('the provider refuses us')
    for (const phone of phones) expect(said).not.toContain(phone.slice(4))
    expect(said).not.toMatch(/970531|votre code/)
    expect(lines.join('')).not.toMatch(/23769000\d|424242|votre code/)
  })
})

describe('the choice of who sends', () => {
  const outbound = openOutbound({ production: true, allow_loopback: false })
  afterAll(() => outbound.close())
  const production = (more: Record<string, string>) =>
    readConfig({
      CAURI_MODE: 'production',
      PUBLIC_URL: 'https://pay.example.cm',
      SECRET_KEY: 'k'.repeat(32),
      FIELD_ENCRYPTION_KEY: 'k'.repeat(32),
      DATABASE_URL: 'postgres://127.0.0.1/none',
      ...more,
    })
  const names = (config: ReturnType<typeof readConfig>, simulated: object = {}) => [
    openSms({ config, ...simulated }, outbound)?.name,
    openMail({ config, ...simulated })?.name,
  ]

  test('production sends nothing unless told by whom, and says which credentials are missing', () => {
    expect(names(production({}))).toEqual([undefined, undefined])
    const told = { SMS_PROVIDER: 'africas-talking', SMTP_URL: 'smtps://u:p@mail.example.cm' }
    expect(() => production(told)).toThrow(
      /AFRICAS_TALKING_USERNAME: required by SMS_PROVIDER=africas-talking\n.*AFRICAS_TALKING_API_KEY.*\n.*MAIL_FROM/,
    )
    const whole = { AFRICAS_TALKING_USERNAME: 'u', AFRICAS_TALKING_API_KEY: 'k', MAIL_FROM: 'a@example.cm' }
    expect(names(production({ ...told, ...whole }))).toEqual(['africas-talking', 'smtp'])
    expect(() =>
      names(production({ SMTP_URL: 'smtp://mail.example.cm', MAIL_FROM: 'a@example.cm' })),
    ).toThrow('SMTP_URL')
  })

  test('the sandbox sends to its simulators, or not at all', () => {
    const config = readConfig({
      SMS_PROVIDER: 'orange',
      ORANGE_SMS_CLIENT_ID: 'real',
      SMTP_URL: 'smtps://u:p@mail.example.cm',
    })
    expect(names(config)).toEqual([undefined, undefined])
    expect(names(config, { simulator_url: 'http://127.0.0.1:1', simulator_mail_port: 1 })).toEqual([
      'orange',
      'smtp',
    ])
  })
})
