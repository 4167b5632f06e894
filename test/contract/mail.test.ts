import { connect, createServer, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultOfSmtpUrl, isAddress, openSmtp } from '../../src/connectors/mail/index.ts'
import { messageOf, oneLine } from '../../src/connectors/mail/message.ts'
import type { Mail, MailSender } from '../../src/connectors/mail.ts'
import { readMail } from '../../src/simulators/mail/mime.ts'
import { openTestWorld, type TestWorld } from '../../src/simulators/test-world.ts'
import { listen } from '../harness/listen.ts'
import { freePort } from '../harness/seed.ts'
import { CERTIFICATE, CUT, scriptedSmtp, type Script } from '../harness/smtp.ts'
import { until } from '../harness/wait.ts'

type Message = { readonly kind: string; readonly to: string; readonly text: string }
let world: TestWorld
beforeAll(async () => {
  world = await openTestWorld()
})
afterAll(() => world.close())

const from = { address: 'ne-pas-repondre@kimi.cm', name: 'Coopérative « KIMI »' }
const at = (port: number, login = 'sandbox:sandbox@', timeout_ms = 1_000): MailSender =>
  openSmtp({ url: `smtp://${login}127.0.0.1:${port}`, from, timeout_ms })
const here = (login?: string): MailSender => at(world.simulators.ports.mail, login)
const inboxOf = async (to: string, place = world): Promise<readonly Message[]> =>
  (await place.control('GET', `/_sim/inbox?kind=mail&to=${encodeURIComponent(to)}`)).json[
    'messages'
  ] as unknown as Message[]

let last = 0
const newMail = (more: Partial<Mail> = {}): Mail => ({
  to: `awa${++last}@example.cm`,
  subject: 'Lot terminé : 2 sur 3 payés, et un sujet assez long pour deux mots encodés 👍',
  text: 'Réponse : «\u202foui\u202f».\n.\n..deux points\nFin',
  id: `cauri-message-${last}`,
  ...more,
})

describe('mail', () => {
  test.each([['sandbox:sandbox@'], ['']])('arrives as it was written (login %j)', async (login) => {
    const mail = newMail()
    expect(await here(login).send(mail)).toEqual({ kind: 'accepted' })
    expect(await inboxOf(mail.to)).toMatchObject([
      { kind: 'mail', to: mail.to, text: `${mail.subject}\n\n${mail.text}` },
    ])
  })

  test.each([
    ['server_busy', 'unsent', 0],
    ['auth_refused', 'unsent', 0],
    ['greylisted', 'unsent', 0],
    ['mailbox_unknown', 'refused', 0],
    ['data_busy', 'unsent', 0],
    ['data_refused', 'refused', 0],
    ['init_lost_request', 'unknown', 0],
    ['init_lost_response', 'unknown', 1],
    ['silence', 'unknown', 0],
  ])('%s: it is %s, and %i mail is there', async (kind, expected, messages) => {
    const mail = newMail()
    await world.control('POST', '/_sim/faults', { rail: 'mail', kind, times: 1 })
    const answer = await here().send(mail)
    expect(answer).toMatchObject({
      kind: expected,
      ...(expected === 'unsent' ? { about_us: kind === 'auth_refused' } : {}),
    })
    expect(JSON.stringify(answer)).not.toContain('awa')
    expect(await inboxOf(mail.to)).toHaveLength(messages)
    expect(await here().send(mail)).toEqual({ kind: 'accepted' })
    expect(await inboxOf(mail.to)).toHaveLength(messages + 1)
  })

  test('wrong credentials are about us; where nobody listens nothing has left', async () => {
    const mail = newMail()
    expect(await here('sandbox:wrong@').send(mail)).toMatchObject({ kind: 'unsent', about_us: true })
    expect(await at(await freePort()).send(mail)).toEqual({
      kind: 'unsent',
      because: 'no connection to the mail server (ECONNREFUSED)',
      about_us: false,
    })
    expect(await inboxOf(mail.to)).toEqual([])
  })

  test('a server that does not speak TLS where TLS is wanted hears no word of ours', async () => {
    let heard = ''
    const server = createServer((socket) => {
      socket.on('error', () => undefined).on('data', (chunk) => void (heard += String(chunk)))
      socket.write('220 plain ESMTP\r\n')
    })
    const url = `smtps://user:password@127.0.0.1:${await listen(server)}`
    const answer = await openSmtp({ url, from, timeout_ms: 1_000 }).send(newMail())
    expect(answer).toMatchObject({ kind: 'unsent' })
    expect(heard).not.toMatch(/EHLO|AUTH|MAIL/)
    await new Promise((resolve) => server.close(resolve))
  })

  test.each([
    'a@b.cm\r\nRCPT TO:<x@y.cm>',
    'a b@c.cm',
    'a@',
    '@b.cm',
    '<a@b.cm>',
    'é@b.cm',
    `${'a'.repeat(65)}@b.cm`,
    'a@b.cm,c@d.cm',
  ])('%j is no address, and nothing is sent to it', async (to) => {
    expect(isAddress(to)).toBe(false)
    expect(await here().send(newMail({ to }))).toEqual({ kind: 'refused', because: 'NOT_AN_ADDRESS' })
  })

  test.each([
    ['smtps://mail.example.cm', undefined],
    ['smtp://127.0.0.1:2525', undefined],
    ['smtp://mail.example.cm:587', 'smtps'],
    ['http://127.0.0.1/', 'smtps'],
    ['mail.example.cm', 'smtps'],
    ['smtps://x/path', 'smtps'],
    ['smtp://mail.example.cm:587?tls=required', undefined],
    ['smtp://mail.example.cm:587?tls=no', 'smtps'],
    ['smtps://mail.example.cm?tls=required', 'smtps'],
  ])('%s: %s', (url, fault) => {
    if (fault === undefined) expect(faultOfSmtpUrl(url)).toBeUndefined()
    else expect(faultOfSmtpUrl(url)).toContain(fault)
  })

  test('no text can break out of its header or end the mail early', async () => {
    const names =
      'Auto-Submitted Content-Transfer-Encoding Content-Type Date From MIME-Version Message-ID Subject To'
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.string({ unit: 'binary', maxLength: 200 }),
        async (subject, text) => {
          const message = String(await messageOf({ ...newMail(), subject, text }, from, new Date(0)))
          const end = message.indexOf('\r\n\r\n')
          const [head, body] = [message.slice(0, end), message.slice(end + 4)]
          // One expression for all lines: printable, short, none begins with a dot.
          expect(message).toMatch(/^(?:(?!\.)[\x20-\x7e]{0,100}\r\n)*$/)
          const line = oneLine(Buffer.from(subject).toString('utf8'))
          const there = head.split(/\r\n(?! )/).map((header) => header.split(':')[0])
          expect(new Set(there)).toEqual(
            new Set(names.split(' ').filter((name) => name !== 'Subject' || line !== '')),
          )
          expect(there.length).toBe(new Set(there).size)
          expect(body).toMatch(/^[A-Za-z0-9+/=\r\n]*$/)
          expect(readMail(Buffer.from(message)).subject).toBe(line)
        },
      ),
    )
  })

  test.each([
    ['a reply before it was asked for', '220 a\r\n250 b\r\n'],
    ['something else', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['an endless reply', `220-${'x'.repeat(100)}\r\n`.repeat(1_000)],
    ['nothing', ''],
  ])('a server that says %s gets nothing from us', async (_, words) => {
    const heard: string[] = []
    const server = createServer((socket) => {
      socket.on('error', () => undefined).on('data', (chunk) => void heard.push(String(chunk)))
      socket.write(words)
    })
    const port = await listen(server)
    expect(await at(port, '', 300).send(newMail())).toMatchObject({ kind: 'unsent', about_us: false })
    expect(heard.join('')).not.toContain('MAIL')
    await new Promise((resolve) => server.close(resolve))
  })
})

/** What one try comes to where the server says this, and what it heard. */
async function against(script: Script, { url = 'smtp://user:pass@127.0.0.1', tls = false, query = '' } = {}) {
  const server = await scriptedSmtp(script, { tls })
  const sender = openSmtp({ url: `${url}:${server.port}${query}`, from, timeout_ms: 2_000 })
  const answer = await sender.send(newMail())
  await server.close()
  return { answer, heard: server.heard, text: server.heard.some((line) => /^(tls )?Subject:/.test(line)) }
}
const accepted = { kind: 'accepted' }
const unknown = { kind: 'unknown' }
const refused = (because: string) => ({ kind: 'refused', because })
const unsent = (because: string, about_us: boolean) => ({ kind: 'unsent', because, about_us })
const PIPELINING = '250-scripted\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n'

describe('what a server says, and what it means', () => {
  test.each<[string, Script, object, boolean]>([
    ['takes it', {}, accepted, true],
    ['takes it, with pipelining', { EHLO: PIPELINING }, accepted, true],
    ['knows no EHLO', { EHLO: '502 what\r\n', HELO: '250 scripted\r\n' }, accepted, true],
    ['is busy', { GREETING: '421 busy\r\n' }, unsent('421 to the greeting', false), false],
    ['is busy, and cuts', { GREETING: `421 busy\r\n${CUT}` }, unsent('421 to the greeting', false), false],
    ['wants no mail', { GREETING: '554 no\r\n' }, unsent('554 to the greeting', false), false],
    ['refuses us', { AUTH: '535 no\r\n' }, unsent('535 to the credentials', true), false],
    ['cannot tell who we are', { AUTH: '454 later\r\n' }, unsent('454 to the credentials', false), false],
    ['refuses the sender', { MAIL: '550 no\r\n' }, unsent('550 to the sender', true), false],
    ['puts the sender off', { MAIL: '451 later\r\n' }, unsent('451 to the sender', false), false],
    ['refuses the recipient', { RCPT: '550 no\r\n' }, refused('550'), false],
    ['puts the recipient off', { RCPT: '450 later\r\n' }, unsent('450 to the recipient', false), false],
    ['refuses DATA', { DATA: '503 no\r\n' }, unsent('503 to DATA', true), false],
    ['says 250 to DATA', { DATA: '250 ok\r\n' }, unsent('250 to DATA', true), false],
    ['goes away before DATA', { RCPT: `421 bye\r\n${CUT}` }, unsent('421 to the recipient', false), false],
    ['puts the text off', { '.': '451 later\r\n' }, unsent('451 to the text', false), true],
    ['goes away after the text', { '.': `421 bye\r\n${CUT}` }, unsent('421 to the text', false), true],
    ['refuses the text', { '.': '554 no\r\n' }, refused('554'), true],
    ['says half a refusal of the text and cuts', { '.': `554 no${CUT}` }, unknown, true],
    ['says 354 to the text', { '.': '354 go\r\n' }, unknown, true],
    ['says 252 to the text', { '.': '252 perhaps\r\n' }, unknown, true],
    ['says no number to the text', { '.': 'ok\r\n' }, unknown, true],
    ['says two things to the text', { '.': '250 ok\r\n554 no\r\n' }, unknown, true],
    ['answers MAIL twice', { MAIL: '250 ok\r\n250 ok\r\n' }, { kind: 'unsent', about_us: false }, false],
    ['answers in two lines', { '.': '250-taken\r\n250 indeed\r\n' }, accepted, true],
    ['answers without CR', { RCPT: '250 ok\n' }, accepted, true],
  ])('%s', async (_, script, expected, is_text_heard) => {
    const { answer, heard, text } = await against(script)
    expect([answer, text]).toEqual([expect.objectContaining(expected), is_text_heard])
    if (is_text_heard) return
    const pipelined = await against({ EHLO: PIPELINING, ...script })
    // It may notice the end later, and name another step.
    const { because: _step, ...same } = { because: '', ...expected }
    expect([pipelined.answer, pipelined.text]).toEqual([expect.objectContaining(same), false])
    expect(heard.filter((line) => line.startsWith('MAIL')).length).toBeLessThan(2)
  })

  test('a server that says a letter now and then has no more time than another', async () => {
    const server = createServer((socket) => {
      const timer = setInterval(() => socket.write('2'), 20)
      socket.on('error', () => undefined).on('close', () => clearInterval(timer))
    })
    expect(await at(await listen(server), '', 200).send(newMail())).toMatchObject({ kind: 'unsent' })
    await new Promise((resolve) => server.close(resolve))
  })

  test('TLS: nothing is said before it, nothing believed that came before it, and nobody unknown is trusted', async () => {
    const required = { query: '?tls=required' }
    const whole = { url: 'smtps://user:pass@127.0.0.1', tls: true }
    const stranger = await against({}, required)
    expect(stranger.answer).toEqual(
      unsent('no connection to the mail server (DEPTH_ZERO_SELF_SIGNED_CERT)', false),
    )
    expect((await against({}, whole)).answer).toEqual(stranger.answer)
    const system = getCACertificates('default')
    setDefaultCACertificates([...system, CERTIFICATE])
    try {
      const injected = '220 go\r\n250-evil\r\n250 AUTH CRAM-MD5\r\n250 taken\r\n'
      for (const how of [required, whole]) expect((await against({}, how)).answer).toEqual(accepted)
      for (const script of [{}, { STARTTLS: injected }]) {
        const { answer, heard } = await against(script, required)
        expect(answer).toEqual(accepted)
        expect(heard.filter((line) => !line.startsWith('tls '))).toEqual(['EHLO [127.0.0.1]', 'STARTTLS'])
        expect(heard.some((line) => line.startsWith('tls AUTH PLAIN '))).toBe(true)
      }
      const none = await against({ STARTTLS: '502 what\r\n' }, required)
      expect(none.answer).toEqual(unsent('502 to STARTTLS', true))
      expect([...stranger.heard, ...none.heard].join()).not.toMatch(/AUTH|MAIL/)
      expect((await against({ '.': '250 ok\r\n250 ok\r\n' }, required)).answer).toMatchObject(unknown)
    } finally {
      setDefaultCACertificates(system)
    }
  })

  test('a long line is cut, and a line that looks like an end of the mail is none', async () => {
    const message = String(
      await messageOf({ ...newMail(), subject: 'x'.repeat(5_000), text: '.\r\n' }, from, new Date(0)),
    )
    for (const line of message.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998)
    const { answer, heard } = await against({})
    expect(answer).toEqual(accepted)
    expect(heard.filter((line) => line === '.')).toHaveLength(1)
  })
})

/** Speaks line by line with the simulated server. */
async function speak(): Promise<{
  readonly say: (text: string) => Promise<string>
  readonly socket: Socket
}> {
  const socket = connect(world.simulators.ports.mail, '127.0.0.1')
  let heard = ''
  socket.on('data', (chunk) => void (heard += String(chunk)))
  const reply = () =>
    until('a reply', async () => {
      const end = /(?:^|\r\n)\d{3} [^\r\n]*\r\n$/.test(heard)
      const text = heard
      if (end) heard = ''
      return end && text
    })
  await reply()
  return {
    socket,
    say: (text) => {
      socket.write(text)
      return reply()
    },
  }
}

describe('the simulated mail server', () => {
  test('reads other clients’ mail: dots, quoted-printable, the parts of a multipart, AUTH LOGIN', async () => {
    const { say, socket } = await speak()
    expect(await say('EHLO me\r\n')).toContain('250-SIZE 1048576')
    expect(await say('AUTH LOGIN\r\n')).toMatch(/^334/)
    expect(await say(`${btoa('sandbox')}\r\n`)).toMatch(/^334/)
    expect(await say(`${btoa('sandbox')}\r\n`)).toMatch(/^235/)
    expect(await say('MAIL FROM:<a@b.cm> SIZE=300\r\n')).toMatch(/^250/)
    expect(await say('RCPT TO:<one@example.cm>\r\n')).toMatch(/^250/)
    expect(await say('RCPT TO:<two@example.cm>\r\n')).toMatch(/^250/)
    expect(await say('DATA\r\n')).toMatch(/^354/)
    const lines = [
      'Subject: =?iso-8859-1?Q?R=E9ponse_?=',
      ' =?utf-8?B?w6AgdG91cw==?=',
      'Content-Type: multipart/alternative; boundary="x y"',
      '',
      '--x y',
      'Content-Type: text/html',
      '',
      '<p>non</p>',
      '--x y',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Un =C3=A9t=C3=A9 long=',
      ' et =3D',
      '..point',
      '--x y--',
      '.',
      '',
    ]
    expect(await say(lines.join('\r\n'))).toMatch(/^250/)
    for (const to of ['one@example.cm', 'two@example.cm'])
      expect(await inboxOf(to)).toMatchObject([{ text: 'Réponse à tous\n\nUn été long et =\n.point' }])
    expect(await say('QUIT\r\n')).toMatch(/^221/)
    socket.destroy()
  })

  test('refuses what is out of order, too large or unknown, and a bare line end ends nothing', async () => {
    const { say, socket } = await speak()
    expect(await say('MAIL FROM:<a@b.cm>\r\n')).toMatch(/^503/)
    expect(await say('EHLO me\r\n')).toMatch(/250 /)
    expect(await say('RCPT TO:<c@d.cm>\r\n')).toMatch(/^503/)
    expect(await say('MAIL FROM:<a@b.cm> SIZE=9999999\r\n')).toMatch(/^552/)
    expect(await say('AUTH PLAIN AAAA\r\n')).toMatch(/^535/)
    expect(await say('AUTH XOAUTH2\r\n')).toMatch(/^504/)
    expect(await say('constructor\r\n')).toMatch(/^500/)
    expect(await say('MAIL FROM:<a@b.cm>\r\n')).toMatch(/^250/)
    expect(await say('RCPT TO:<nobody>\r\n')).toMatch(/^501/)
    expect(await say('RCPT TO:<smuggled@d.cm>\r\n')).toMatch(/^250/)
    expect(await say('DATA\r\n')).toMatch(/^354/)
    const sneaky = 'Subject: one\r\n\r\ntext\n.\nMAIL FROM:<e@f.cm>\n'
    expect(await say(`${sneaky}\r\n.\r\n`)).toMatch(/^250/)
    expect(await inboxOf('smuggled@d.cm')).toMatchObject([
      { text: expect.stringContaining('MAIL FROM:<e@f.cm>') },
    ])
    await say('MAIL FROM:<a@b.cm>\r\n')
    await say('RCPT TO:<large@d.cm>\r\n')
    await say('DATA\r\n')
    expect(await say(`${`${'x'.repeat(998)}\r\n`.repeat(1_100)}.\r\n`)).toMatch(/^552/)
    expect(await inboxOf('large@d.cm')).toEqual([])
    socket.destroy()
  })

  test('forgets nothing over a restart', async () => {
    const first = await openTestWorld()
    await at(first.simulators.ports.mail).send(newMail({ to: 'kept@example.cm', subject: 'S', text: 'T' }))
    await first.stop()
    const second = await openTestWorld({}, { folder: first.folder })
    expect(await inboxOf('kept@example.cm', second)).toMatchObject([{ kind: 'mail', text: 'S\n\nT' }])
    await second.close()
  })
})
