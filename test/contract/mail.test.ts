import { connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultOfSmtpUrl, isAddress, openSmtp } from '../../src/connectors/mail/index.ts'
import { messageOf } from '../../src/connectors/mail/message.ts'
import type { Mail, MailSender } from '../../src/connectors/mail.ts'
import { readMail } from '../../src/simulators/mail/mime.ts'
import { openTestWorld, type TestWorld } from '../../src/simulators/test-world.ts'
import { listen } from '../harness/listen.ts'
import { freePort } from '../harness/seed.ts'
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
  ])('%s: %s', (url, fault) => {
    if (fault === undefined) expect(faultOfSmtpUrl(url)).toBeUndefined()
    else expect(faultOfSmtpUrl(url)).toContain(fault)
  })

  test('no text can break out of its header or end the mail early', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.string({ unit: 'binary', maxLength: 200 }),
        (subject, text) => {
          const message = messageOf({ ...newMail(), subject, text }, from, new Date(0))
          const [head = '', body = ''] = message.split('\r\n\r\n')
          // One expression for all lines: printable, short, none begins with a dot.
          expect(message).toMatch(/^(?:(?!\.)[\x20-\x7e]{0,100}\r\n)*$/)
          expect(head.split(/\r\n(?! )/)).toHaveLength(9)
          expect(body).toMatch(/^[A-Za-z0-9+/=\r\n]*$/)
          const whole = (one: string): string => Buffer.from(one).toString('utf8')
          expect(readMail(Buffer.from(message)).subject).toBe(whole(subject))
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
