import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../test/harness/database.ts'
import { spawnNode } from '../../test/harness/process.ts'
import { freePort } from '../../test/harness/seed.ts'
import { until } from '../../test/harness/wait.ts'
import { historyOf } from '../audit/index.ts'
import { createPerson } from '../identity/index.ts'
import { ensureConnection, holdConnections, listConnections } from '../payments/index.ts'
import { openDb, sql } from '../platform/db.ts'
import { openJobs } from '../platform/jobs.ts'
import { openLog } from '../platform/log.ts'
import { follow, readEvents, type Progress } from './follow.ts'
import { openForm } from './upload.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'cauri-cli-'))
/** Each command is a process of its own; several at once share a busy machine. */
vi.setConfig({ testTimeout: 60_000 })
afterAll(() => rmSync(folder, { recursive: true }))

type Done = {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly json: () => unknown
}

/** Runs the command to its end, in a folder without .env, in English unless the environment says otherwise. */
async function cauri(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Done> {
  const quiet = {
    LANG: 'C',
    LC_ALL: undefined,
    LC_MESSAGES: undefined,
    LOG_LEVEL: undefined,
    CAURI_HOME: folder,
  }
  const child = spawnNode(MAIN, { args, cwd: folder, env: { ...quiet, ...env } })
  const { code } = await child.exited
  return {
    code,
    stdout: child.stdout(),
    stderr: child.stderr(),
    json: () => JSON.parse(child.stdout()) as unknown,
  }
}

const csv = (name: string, ...rows: readonly string[]): string => {
  const path = join(folder, name)
  writeFileSync(path, ['type_id,valeur_id,devise,montant', ...rows, ''].join('\n'))
  return path
}

describe('how it is called', () => {
  test('help is no error; a wrong word or a missing one is a usage error, in the language of the terminal', async () => {
    const [help, bare, wrong, french, missing] = await Promise.all([
      cauri(['sql', '--help']),
      cauri(['ledger']),
      cauri(['legder', 'check']),
      cauri(['account', 'list', '--x'], { LANG: 'fr_FR.UTF-8' }),
      cauri(['payments', 'review', 'confirm', 'bulk-x', '--json'], {
        LANG: 'fr_FR.UTF-8',
        LC_ALL: 'en_GB.UTF-8',
      }),
    ])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('--json')
    expect(bare.code).toBe(2)
    expect(bare.stderr).toContain('Usage: cauri ledger')
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(wrong.stderr).toBe("cauri: unknown command 'legder' (Did you mean ledger?) (see --help)\n")
    expect(french.stderr).toBe('cauri: option inconnue : --x (voir --help)\n')
    expect(missing.code).toBe(2)
    expect(missing.json()).toMatchObject({ error: { exit: 2, message: expect.stringContaining('--by') } })
  })

  test('a configuration that is not usable, and a database that does not answer, are failures that say why', async () => {
    const [config, database, organization] = await Promise.all([
      cauri(['account', 'list'], { CAURI_NAME_THAT_IS_NOT: '1' }),
      cauri(['migrate'], { DATABASE_URL: `postgres://a:secret@127.0.0.1:${await freePort()}/b`, LANG: 'fr' }),
      cauri(['start', '--role', 'api,clerk']),
    ])
    expect(config).toMatchObject({ code: 1, stderr: expect.stringContaining('CAURI_NAME_THAT_IS_NOT') })
    expect(database.code).toBe(1)
    expect(database.stderr).toBe('cauri: la base de DATABASE_URL ne répond pas (ECONNREFUSED)\n')
    expect(organization.code).toBe(2)
  })
})

describe('on a database alone', () => {
  let fresh: FreshDatabase
  beforeAll(async () => {
    fresh = await freshDatabase()
  })
  const run = (...args: readonly string[]): Promise<Done> => cauri(args, { DATABASE_URL: fresh.url })

  test('an account is created once, as the old shell line did, and listed with whole amounts', async () => {
    const line = ['account', 'create', '--party-id-type', 'MSISDN', '--party-identifier', '123456789']
    const id = ['--account-id', 'ACC-123456789', '--balance', '1000000000', '--currency', 'XOF']
    const made = await run(...line, ...id, '--json')
    expect(made.json()).toMatchObject({ account_id: 'ACC-123456789', available: 1_000_000_000, reserved: 0 })
    const [again, cents, list, other] = await Promise.all([
      run(...line, ...id, '--json'),
      run(...line, '--account-id', 'ACC-2', '--balance', '10.50', '--currency', 'XOF'),
      run('account', 'list', '--json'),
      run('account', 'list', '--organization', 'Nobody'),
    ])
    expect(again.code).toBe(3)
    expect(again.json()).toMatchObject({ error: { code: 'ACCOUNT_EXISTS' } })
    expect(cents).toMatchObject({ code: 2, stdout: '' })
    expect(list.json()).toEqual({ accounts: [made.json()] })
    expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('[ORGANIZATION_NOT_FOUND]') })
  })

  test('an operator makes an organisation, gives it members, and keys to its programs', async () => {
    const name = 'Caisse du port'
    const phc =
      '$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    const person = { phone_number: '+22890000011', first_name: 'Awa', last_name: 'Lawson' }
    const { id } = await fresh.db.tx((tx) =>
      createPerson(tx, 'test', { person: { ...person, roles: ['BUYER'], preferred_language: 'fr' }, phc }),
    )
    const made = await run('organization', 'create', name, '--json')
    expect(made.json()).toMatchObject({ name })
    const of = ['--organization', name, '--json']
    const add = ['member', 'add', ...of, '--phone', person.phone_number, '--role', 'TRESORIER', 'DEVELOPPEUR']
    const [again, added, stranger, shown] = await Promise.all([
      run('organization', 'create', name, '--json'),
      run(...add),
      run('member', 'add', ...of, '--phone', '+22890000012', '--role', 'TRESORIER'),
      run('key', 'create', ...of, '--service-account', 'paie', '--scope', 'bulk.create', 'bulk.read'),
    ])
    expect(again.json()).toMatchObject({ error: { exit: 3, code: 'ORGANIZATION_EXISTS' } })
    expect(added.json()).toMatchObject({
      members: [{ person_id: Number(id), roles: ['TRESORIER', 'DEVELOPPEUR'], phone_number: '+22890000011' }],
    })
    expect(stranger.json()).toMatchObject({ error: { exit: 3, code: 'PERSON_NOT_FOUND' } })
    const key = shown.json() as { readonly id: string; readonly secret: string }
    expect(key.secret).toMatch(new RegExp(`^ck_test_${key.id}_`))
    const [rotated, removed, beyond] = await Promise.all([
      run('key', 'rotate', key.id, ...of, '--grace', '0'),
      run('member', 'remove', ...of, '--phone', person.phone_number),
      run('key', 'create', ...of, '--service-account', 'paie', '--scope', 'bulk.approve'),
    ])
    expect(rotated.json()).toMatchObject({ id: key.id, secret: expect.not.stringMatching(key.secret) })
    expect(removed.json()).toMatchObject({ error: { exit: 3, code: 'LAST_TREASURER' } })
    expect(beyond.code).toBe(2)
    expect((await run('key', 'revoke', key.id, ...of)).json()).toMatchObject({ id: key.id, is_good: false })
    const [keys, members, all] = await Promise.all([
      run('key', 'list', ...of),
      run('member', 'list', '--organization', name),
      run('organization', 'list'),
    ])
    expect(keys.json()).toMatchObject({ keys: [{ id: key.id, service_account: 'paie', is_good: false }] })
    expect(keys.stdout).not.toContain(key.secret)
    expect(members.stdout).toContain('Awa Lawson')
    expect(all.stdout).toContain(name)
  })

  test('in production an organisation is named, never assumed', async () => {
    const production = {
      DATABASE_URL: fresh.url,
      CAURI_MODE: 'production',
      PUBLIC_URL: 'https://pay.example',
      SECRET_KEY: 's'.repeat(32),
      FIELD_ENCRYPTION_KEY: 'f'.repeat(32),
    }
    const none = await cauri(['webhooks', 'secret'], production)
    expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--organization') })
  })

  test('sql reads, and can neither write nor run a second statement', async () => {
    const writing = 'with gone as (delete from platform_outbox returning id) select * from gone'
    const done = await Promise.all([
      run('sql', "/* a remark */ select 1 + 1 as two, 9007199254740993 as big, 'a' as letter", '--json'),
      run('sql', writing, '--json'),
      run(
        'sql',
        "select 1; commit; insert into platform_outbox (kind, subject, payload) values ('x', 'y', '{}')",
      ),
      run('sql', "update platform_clock set ahead = '1 day'"),
      run('sql', "select set_config('transaction_read_only', 'off', true)"),
      run('sql', 'select pg_sleep(20)', '--timeout', '0.2'),
    ])
    expect(done.map(({ code }) => code)).toEqual([0, 3, 3, 3, 1, 1])
    expect(done[0].json()).toEqual({ rows: [{ two: 2, big: '9007199254740993', letter: 'a' }] })
    expect(done[1].json()).toMatchObject({ error: { code: 'SQL_NOT_READ_ONLY' } })
    expect(await fresh.db.one(sql`select count(*) as n from platform_outbox`)).toEqual({ n: 0n })
  })

  test('a connection that a failed check has stopped goes on by an operator, whose name stays', async () => {
    await ensureConnection(fresh.db, 'mojaloop', 'mojaloop')
    await fresh.db.tx((tx) => holdConnections(tx, 'check failed'))
    const list = await run('rails', 'list', '--json')
    expect(list.json()).toMatchObject({ rails: [{ id: 'mojaloop', state: 'STOPPED', needs_operator: true }] })
    const [resumed, unknown] = [
      await run('rails', 'resume', 'mojaloop', '--by', 'awa'),
      await run('rails', 'resume', 'x'),
    ]
    expect([resumed.code, unknown.code]).toEqual([0, 3])
    expect(await listConnections(fresh.db)).toMatchObject([{ state: 'RUNNING', needs_operator: false }])
    expect(await historyOf(fresh.db, 'connection:mojaloop')).toMatchObject([
      { actor: 'awa', action: 'connection.resumed', detail: { stopped_because: 'check failed' } },
    ])
    expect((await run('rails', 'resume', 'mojaloop', '--json')).json()).toMatchObject({ resumed: false })
  })

  test('dead jobs and dead outbox rows are listed together, and each gets its tries back once', async () => {
    const queue = await openJobs(fresh.url, { 'webhook.deliver': { retries: 0 } }, openLog('silent'))
    await queue.work('webhook.deliver', () => Promise.reject(new Error('answered 500')), { poll_s: 0.5 })
    await fresh.db.tx((tx) => queue.send(tx, 'webhook.deliver', {}))
    const dead = await until('the job is dead', async () => (await queue.listDead())[0])
    await queue.stop(1_000)
    const { id } = await fresh.db.one<{ id: bigint }>(sql`
      insert into platform_outbox (kind, subject, payload, tries, last_error, dead_at)
      values ('bulk.finished', 'bulk-x', '{}', 12, 'no handler', clock_timestamp()) returning id`)
    const list = await run('jobs', 'list', '--json')
    expect(list.json()).toMatchObject({
      jobs: [
        { id: `outbox-${id}`, kind: 'bulk.finished', subject: 'bulk-x', error: 'no handler', tries: 12 },
        { id: dead.id, kind: 'webhook.deliver', error: 'answered 500', tries: 1 },
      ],
    })
    const ids = [dead.id, `outbox-${id}`, 'nonsense']
    const first = await Promise.all(ids.map((one) => run('jobs', 'retry', one)))
    expect(first.map(({ code }) => code)).toEqual([0, 0, 3])
    expect((await run('jobs', 'list', '--json')).json()).toEqual({ jobs: [] })
  })

  test('ledger check is silent about a sound ledger, and names each breach of one that was tampered with', async () => {
    const sound = (await run('ledger', 'check', '--json')).json()
    expect(sound).toMatchObject({ ok: true, breaches: [], duration_ms: expect.any(Number) })
    expect(sound).toHaveProperty(['invariants', 2], {
      id: 'INV-03',
      name: 'each balance is the sum of its lines',
      holds: true,
    })
    const owner = openDb({ url: fresh.ownerUrl, max: 1 })
    await owner.run(sql`alter table ledger_accounts disable trigger user`)
    await owner.run(sql`update ledger_accounts set balance = balance + 1 where code = 'payer:ACC-123456789'`)
    await owner.run(sql`alter table ledger_accounts enable trigger user`)
    await owner.end()
    const bad = await run('ledger', 'check', '--json')
    expect(bad.code).toBe(6)
    expect(bad.json()).toMatchObject({
      ok: false,
      breaches: [
        {
          id: 'INV-03',
          invariant: 'each balance is the sum of its lines',
          found: expect.stringContaining('account payer:ACC-123456789'),
        },
      ],
    })
    await fresh.db.tx((tx) => holdConnections(tx, 'check failed'))
    const resumed = await run('rails', 'resume', 'mojaloop', '--json')
    expect(resumed.code).toBe(3)
    expect(resumed.json()).toMatchObject({ error: { code: 'INTEGRITY_VIOLATED' } })
    expect(await listConnections(fresh.db)).toMatchObject([{ state: 'STOPPED', needs_operator: true }])
    const french = await cauri(['ledger', 'check'], { DATABASE_URL: fresh.url, LANG: 'fr_FR.UTF-8' })
    expect(french).toMatchObject({ code: 6, stdout: expect.stringContaining('INV-03  ROMPU') })
  })
})

describe('with a running Cauri', () => {
  let base: string
  let database: string
  beforeAll(async () => {
    const fresh = await freshDatabase()
    database = fresh.url
    const free = { PORT: '0', SDK_PORT: '0', HUB_PORT: '0', SIMULATOR_PORT: '0' }
    const quick = {
      MOJALOOP_QUERY_DELAYS_S: '0.1',
      MOJALOOP_NOT_FOUND_AFTER_S: '0.3',
      MOJALOOP_REVIEW_AFTER_S: '1',
      MOJALOOP_RETRY_DELAYS_S: '0.1',
    }
    const env = { DATABASE_URL: database, CAURI_HOME: folder, LOG_LEVEL: 'warn', ...free, ...quick }
    const server = spawnNode(MAIN, { args: ['start'], cwd: folder, env })
    base = (await server.waitForLine(/^ready (http\S+)$/, 30_000))[1] ?? ''
    return async () => {
      server.kill('SIGTERM')
      expect(await server.exited).toEqual({ code: 0, signal: null })
    }
  })
  const submit = (...args: readonly string[]): Promise<Done> =>
    cauri(['bulk', 'submit', ...args, '--url', base, '--payer-account', 'ACC-123456789'])
  const operate = (...args: readonly string[]): Promise<Done> => cauri(args, { DATABASE_URL: database })

  test('a file that is paid ends with 0, the same list is refused, another end than COMPLETED is 5', async () => {
    const good = csv('good.csv', 'MSISDN,22891555001,XOF,1000', 'MSISDN,22891555002,XOF,500')
    const mixed = csv('mixed.csv', 'MSISDN,22891555003,XOF,1000', 'MSISDN,22890000002,XOF,500')
    const [paid, partly] = await Promise.all([submit(good, '--json'), submit(mixed)])
    expect(paid.code).toBe(0)
    expect(paid.json()).toMatchObject({ state: 'COMPLETED', total: 2, completed: 2, completed_amount: 1_500 })
    expect(paid.stderr).toContain('100.00 % · 2/2 · 2 paid\n')
    expect(partly.code).toBe(5)
    expect(partly.stdout).toMatch(
      /^bulk-\w+ PARTIALLY_COMPLETED\n100.00 % · 2\/2 · 1 paid · 1 failed\n1,000 XOF paid of 1,500 XOF\n/,
    )
    const [again, allowed] = await Promise.all([
      submit(good),
      submit(good, '--allow-duplicate', '--no-wait', '--json'),
    ])
    expect(again).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('[SAME_LIST]') })
    expect(allowed.code).toBe(0)
    expect(allowed.json()).toMatchObject({
      state: 'PENDING',
      bulkTransferId: expect.stringMatching(/^bulk-/),
    })
  })

  test('a refused file shows its faults line by line; validate-only creates nothing', async () => {
    const bad = csv('bad.csv', 'MSISDN,22891555001,XOF,1 000', 'MSISDN,abc,XOF,5')
    const good = csv('fine.csv', 'MSISDN,22891555011,XOF,70')
    const before = await operate('sql', 'select count(*) as n from bulk_batches', '--json')
    const [refused, checked, fine, absent, elsewhere] = await Promise.all([
      submit(bad),
      submit(bad, '--validate-only', '--json'),
      submit(good, '--validate-only'),
      submit(join(folder, 'absent.csv')),
      cauri(['bulk', 'submit', good, '--url', `http://127.0.0.1:${await freePort()}`]),
    ])
    expect([refused, checked, fine, absent, elsewhere].map(({ code }) => code)).toEqual([3, 3, 0, 2, 1])
    const [first, ...faults] = refused.stderr.trimEnd().split('\n')
    expect(first).toContain('[FILE_ROWS_INVALID]')
    expect(faults).toEqual([expect.stringContaining('1 000'), expect.stringContaining('abc')])
    expect(checked.json()).toMatchObject({ valid: false, error_count: 2, errors: [{ line: 2 }, { line: 3 }] })
    expect(fine.stdout).toBe('The file is good: 1 line, 70 XOF. Nothing was created.\n')
    expect(elsewhere.stderr).toContain('does not answer')
    expect((await operate('sql', 'select count(*) as n from bulk_batches', '--json')).json()).toEqual(
      before.json(),
    )
  })

  test('a line that the rail contradicts is closed by two people, and only then is its batch final', async () => {
    const file = csv('review.csv', 'MSISDN,22890000008,XOF,900')
    const waited = await submit(file, '--timeout', '0.5', '--json')
    expect(waited.code).toBe(4)
    const { bulkTransferId: bulk } = waited.json() as { bulkTransferId: string }
    await until('the line is in review', async () => {
      const answer = await fetch(`${base}/api/bulk-transfers/${bulk}/status`)
      return /"error_code":"REVIEW"/.test(await answer.text())
    })
    const listed = await operate('payments', 'review', 'list', '--json')
    const { reviews } = listed.json() as { reviews: { transfer_id: string }[] }
    const review = reviews[0] ?? { transfer_id: 'none' }
    expect(review).toMatchObject({ bulk_transfer_id: bulk, amount: 900, currency: 'XOF', proposed: null })
    const line = `${bulk}/${review.transfer_id}`
    const early = await operate('payments', 'review', 'confirm', line, '--by', 'kofi')
    expect(early).toMatchObject({ code: 3, stderr: expect.stringContaining('[REVIEW_WRONG_STATE]') })

    const evidence = join(folder, 'statement.txt')
    writeFileSync(evidence, 'executed at 10:04')
    const close = ['payments', 'review', 'close']
    const proposal = ['--as', 'paid', '--evidence', evidence, '--by', 'awa']
    const [vague, unknown] = await Promise.all([
      operate(...close, bulk, ...proposal),
      operate(...close, bulk, 'nobody', ...proposal),
    ])
    expect([vague.code, unknown.code]).toEqual([2, 3])
    expect((await operate(...close, bulk, review.transfer_id, ...proposal)).code).toBe(0)
    const same = await operate('payments', 'review', 'confirm', line, '--by', ' AWA ', '--json')
    expect(same.code).toBe(3)
    expect(same.json()).toMatchObject({ error: { code: 'REVIEW_SAME_PERSON' } })
    const other = await operate('payments', 'review', 'confirm', line, '--by', 'kofi', '--json')
    expect(other.json()).toEqual({ line, outcome: 'PAID', confirmed_by: 'kofi' })

    const status = await fetch(`${base}/api/bulk-transfers/${bulk}/status`)
    expect(await status.json()).toMatchObject({ state: 'COMPLETED', completed: 1, uncertain: 0 })
    const [list, check] = await Promise.all([
      operate('payments', 'review', 'list', '--json'),
      operate('ledger', 'check'),
    ])
    expect(list.json()).toEqual({ reviews: [] })
    expect(check).toMatchObject({ code: 0, stdout: expect.stringContaining('Every franc is explained') })
  })

  test('the secret of the demonstration’s webhooks is the one that its server signs with', async () => {
    const { secret } = (await operate('webhooks', 'secret', '--json')).json() as { secret: string }
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect((await operate('webhooks', 'secret')).stdout).toBe(`${secret}\n`)
  })
})

describe('what it sends and reads', () => {
  test('a form is read from its file while it is sent, and is as long as announced', async () => {
    const path = join(folder, 'long "list".csv')
    writeFileSync(path, Buffer.alloc(3_000_000, 'x'))
    const form = await openForm(path, [['payer_account', 'ACC-1']])
    const sizes: number[] = []
    let start = ''
    for await (const chunk of form.body) {
      if (sizes.length === 0) start = chunk.toString()
      sizes.push(chunk.length)
    }
    await form.close()
    expect(start).toContain('filename="long %22list%22.csv"')
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536)
    expect(String(sizes.reduce((sum, size) => sum + size, 0))).toBe(form.headers['content-length'])
  })

  test('events are the same however the bytes are cut', async () => {
    const text = ': hi\r\n\r\nretry: 1000\n\nid: 7\ndata: {"a":1}\n\nevent: done\ndata: x\ndata: y\n\n'
    async function* cut(): AsyncGenerator<string> {
      for (const character of text) yield character
    }
    const events = []
    for await (const event of readEvents(cut())) events.push(event)
    expect(events).toEqual([
      { name: 'message', data: '{"a":1}', id: '7' },
      { name: 'done', data: 'x\ny', id: '7' },
    ])
  })

  test('a stream that breaks off is taken up again where it was', async () => {
    const now: Progress = {
      state: 'PROCESSING',
      total: 2,
      completed: 1,
      failed: 0,
      cancelled: 0,
      pending: 1,
      uncertain: 0,
      paused: false,
      progress_percent: 50,
    }
    const asked: (string | undefined)[] = []
    const server = createServer((request, response) => {
      asked.push(request.headers['last-event-id']?.toString())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      if (asked.length === 1) {
        response.write(`id: 41\ndata: ${JSON.stringify(now)}\n\n`, () => response.destroy())
      } else response.end(`event: done\ndata: {"state":"COMPLETED"}\n\n`)
    })
    const port = await freePort()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const seen: Progress[] = []
    const url = new URL(`http://127.0.0.1:${port}/stream`)
    expect(await follow(url, (one) => seen.push(one), new AbortController().signal)).toBe('done')
    server.close()
    expect(seen).toEqual([now])
    expect(asked).toEqual([undefined, '41'])
  })
})
