import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../harness/database.ts'
import { unbase32 } from '../harness/otp.ts'
import { spawnNode } from '../harness/process.ts'
import { CHEAP } from '../harness/server.ts'
import { login } from '../../src/identity/login.ts'
import {
  confirmSecondFactor,
  isGoodSecondFactor,
  setUpSecondFactor,
} from '../../src/identity/second-factor.ts'
import { signingKey } from '../../src/identity/token/keys.ts'
import { stepAt, totpAt } from '../../src/identity/totp.ts'
import { advanceClock } from '../../src/platform/clock.ts'
import { readConfig } from '../../src/platform/config.ts'
import { sql } from '../../src/platform/db.ts'
import { identityOf } from '../../src/wiring.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'cauri-cli-people-'))
/** Each command is a process of its own; several at once share a busy machine. */
vi.setConfig({ testTimeout: 60_000 })
afterAll(() => rmSync(folder, { recursive: true }))

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
})

const SECRET = 's'.repeat(40)
const [OLD, NEW] = ['o'.repeat(40), 'n'.repeat(40)]
const PASSWORD = 'mangue verte 7 du marché'
type Env = Readonly<Record<string, string | undefined>>

type Done = {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into documents of every shape
  readonly json: () => any
}
async function cauri(args: readonly string[], env: Env = {}, input?: string): Promise<Done> {
  const quiet = {
    LANG: 'C',
    LC_ALL: undefined,
    LC_MESSAGES: undefined,
    LOG_LEVEL: undefined,
    CAURI_HOME: folder,
  }
  const child = spawnNode(MAIN, {
    args,
    cwd: folder,
    env: { ...quiet, DATABASE_URL: fresh.url, SECRET_KEY: SECRET, FIELD_ENCRYPTION_KEY: OLD, ...env },
    ...(input === undefined ? {} : { input }),
  })
  const { code } = await child.exited
  const [stdout, stderr] = [child.stdout(), child.stderr()]
  return { code, stdout, stderr, json: () => JSON.parse(stdout) as unknown }
}
const superuser = (phone: string, env: Env = {}, input?: string, more: readonly string[] = []) =>
  cauri(
    ['createsuperuser', '--phone', phone, '--first-name', 'Awa', '--last-name', 'Diop', '--json', ...more],
    env,
    input,
  )
const identityWith = (FIELD_ENCRYPTION_KEY: string) => {
  const config = readConfig({ CAURI_HOME: folder, FIELD_ENCRYPTION_KEY })
  return identityOf({ config, secret_key: SECRET, password_cost: CHEAP })
}
const acts = (action: string) =>
  fresh.db.many<{ actor: string; subject: string; before: unknown; after: unknown }>(
    sql`select actor, subject, before, after from audit_events where action = ${action} order by id`,
  )

const device = { address: '127.0.0.1', user_agent: undefined }
let first: bigint

test('an administrator is made once, by a password that is on no command line, and signs in', async () => {
  const made = await superuser('+237 6 70 00 00 01', { SUPERUSER_PASSWORD: PASSWORD })
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.json()).toEqual({ id: expect.any(Number), phone_number: '+237670000001', roles: ['ADMIN'] })
  first = BigInt(made.json().id)
  const [again, django, stdin, none, short, common, malformed, french] = await Promise.all([
    superuser('+237670000001', { SUPERUSER_PASSWORD: PASSWORD }),
    superuser('+237670000002', { DJANGO_SUPERUSER_PASSWORD: PASSWORD }),
    superuser('+237670000003', {}, `${PASSWORD}\nignored\n`, [
      '--password-stdin',
      '--email',
      'awa@example.com',
    ]),
    superuser('+237670000004'),
    superuser('+237670000005', { SUPERUSER_PASSWORD: 'short' }),
    superuser('+237670000006', { SUPERUSER_PASSWORD: 'password123' }),
    superuser('12', { SUPERUSER_PASSWORD: PASSWORD }),
    cauri(['createsuperuser', '--phone', '+237670000007'], { LANG: 'fr_FR.UTF-8' }),
  ])
  expect(again.code).toBe(3)
  expect(again.json()).toMatchObject({ error: { code: 'PHONE_TAKEN' } })
  expect([django.code, stdin.code, none.code, short.code, common.code, malformed.code, french.code]).toEqual([
    0, 0, 2, 3, 3, 3, 2,
  ])
  expect(none.stderr).toContain('--password-stdin')
  expect(short.json()).toMatchObject({ error: { code: 'VALIDATION_FAILED' } })
  expect(french.stderr).toBe('cauri: --first-name est obligatoire, 100 caractères au plus\n')
  const identity = identityWith(OLD)
  for (const phone_number of ['+237670000001', '+237670000002', '+237670000003']) {
    const tried = { account: { phone_number }, password: PASSWORD, device }
    expect((await login(fresh.db, identity, tried)).person.roles).toEqual(['ADMIN'])
  }
  expect(await acts('person.created')).toHaveLength(3)
  expect((await acts('person.created'))[0]).toMatchObject({ actor: expect.stringMatching(/^cli:/) })
  for (const { stdout, stderr } of [made, again, django, stdin, short])
    expect(stdout + stderr).not.toContain(PASSWORD)
})

test('people are listed, disabled and enabled, given roles; an administrator is always left', async () => {
  const list = async (...more: readonly string[]) =>
    (await cauri(['user', 'list', '--json', ...more])).json().users as readonly Record<string, unknown>[]
  expect(await list('--role', 'ADMIN')).toHaveLength(3)
  expect(await list('--search', 'AWA@example')).toMatchObject([
    { phone_number: '+237670000003', full_name: 'Awa Diop', is_active: true, has_second_factor: false },
  ])
  const [disabled, roles] = [
    await cauri(['user', 'disable', '+237670000003', '--by', 'binta', '--json']),
    await cauri(['user', 'roles', '+237670000002', 'ARBITRE', 'BUYER']),
  ]
  expect(disabled.json()).toEqual({ id: expect.any(Number), done: true })
  expect(roles.stdout).toMatch(/^Person \d+ is ARBITRE, BUYER\.\n$/)
  expect(await list('--disabled')).toMatchObject([{ phone_number: '+237670000003' }])
  expect(await acts('person.disabled')).toMatchObject([{ actor: 'binta', after: { is_active: false } }])
  expect(await acts('person.roles_changed')).toMatchObject([
    { before: { roles: ['ADMIN'] }, after: { roles: ['ARBITRE', 'BUYER'] } },
  ])
  const { n } = await fresh.db.one<{ n: bigint }>(sql`
    select count(*) as n from identity_sessions s join identity_people p on p.id = s.person_id
    where p.phone_number = '+237670000003' and s.ended_at is null`)
  expect(n).toBe(0n)
  const [last, demoted, unknown, word, role, table] = await Promise.all([
    cauri(['user', 'disable', String(first), '--json']),
    cauri(['user', 'roles', String(first), 'BUYER', '--json']),
    cauri(['user', 'enable', '999999', '--json']),
    cauri(['user', 'disable', 'awa', '--json']),
    cauri(['user', 'roles', String(first), 'KING']),
    cauri(['user', 'list'], { LANG: 'fr_FR.UTF-8' }),
  ])
  // Only now: with a second administrator the first is not the last one.
  const enabled = await cauri(['user', 'enable', '+237670000003'], { LANG: 'fr_FR.UTF-8' })
  expect([last.code, demoted.code, unknown.code, word.code, role.code, enabled.code]).toEqual([
    3, 3, 3, 3, 2, 0,
  ])
  expect([last.json().error.code, demoted.json().error.code]).toEqual(['LAST_ADMIN', 'LAST_ADMIN'])
  expect([unknown.json().error.code, word.json().error.code]).toEqual(['PERSON_NOT_FOUND', 'PHONE_INVALID'])
  expect(enabled.stdout).toMatch(/^La personne \d+ peut se connecter\.\n$/)
  expect(table.stdout).toMatch(/personne {2}téléphone/)
})

/** A second factor of the first administrator under that key; answers what the app holds. */
async function secondFactor(key: string): Promise<Buffer> {
  const identity = identityWith(key)
  const by = { person_id: first, password: PASSWORD, address: '127.0.0.1' }
  const { secret } = await setUpSecondFactor(fresh.db, identity, by)
  const bytes = unbase32(secret)
  const session_id = 'ses-none'
  await confirmSecondFactor(fresh.db, identity, { person_id: first, session_id, otp: await codeOf(bytes) })
  return bytes
}
async function codeOf(secret: Buffer): Promise<string> {
  await advanceClock(fresh.db, 90)
  const { at_s } = await fresh.db.one<{ at_s: number }>(
    sql`select extract(epoch from cauri_now())::float8 as at_s`,
  )
  return totpAt(secret, stepAt(at_s))
}
const isGood = async (secret: Buffer, key: string): Promise<boolean> => {
  const otp = await codeOf(secret)
  return fresh.db.tx((tx) => isGoodSecondFactor(tx, identityWith(key), { person_id: first, otp }))
}
const kidWith = async (key: string): Promise<string> =>
  (await fresh.db.tx((tx) => signingKey(tx, identityWith(key)))).kid

test('under a new key what another has sealed is sealed again, and the old one may go', async () => {
  const secret = await secondFactor(OLD)
  expect(await isGood(secret, `2:${NEW},1:${OLD}`)).toBe(true)
  await expect(isGood(secret, NEW)).rejects.toThrow('FIELD_ENCRYPTION_KEY')
  const before = await kidWith(OLD)
  const lost = await cauri(['keys', 'rotate', '--json'], { FIELD_ENCRYPTION_KEY: NEW })
  expect(lost.code).toBe(1)
  expect(lost.json()).toMatchObject({ second_factors: { resealed: 0, unreadable: 1 } })
  expect(lost.stderr).toContain('No key of FIELD_ENCRYPTION_KEY opens 1 second factor')
  const ring = { FIELD_ENCRYPTION_KEY: `2:${NEW},1:${OLD}` }
  const rotated = await cauri(['keys', 'rotate', '--json', '--by', 'binta'], ring)
  expect(rotated).toMatchObject({ code: 0, stderr: '' })
  const done = rotated.json()
  expect(done.second_factors).toEqual({ resealed: 1, unreadable: 0 })
  expect(done.signing_keys.resealed).toBeGreaterThanOrEqual(1)
  expect(done.kid).not.toBe(before)
  expect(await kidWith(`2:${NEW}`)).toBe(done.kid)
  expect(await isGood(secret, NEW)).toBe(true)
  await expect(isGood(secret, OLD)).rejects.toThrow('FIELD_ENCRYPTION_KEY')
  const again = await cauri(['keys', 'rotate'], { FIELD_ENCRYPTION_KEY: NEW, LANG: 'fr_FR.UTF-8' })
  expect(again.stdout).toMatch(
    /^Les jetons sont désormais signés par \S+\. Scellés à nouveau : 0 second facteur, 0 clé, 0 document, 0 résultat de vérification\.\n$/,
  )
  expect(await acts('signing_key.rotated')).toMatchObject([{}, { actor: 'binta' }, {}])
})

test('codes that a stranger has locked are opened by the operator, once', async () => {
  const unlock = () => cauri(['user', 'unlock', String(first), '--json'])
  await fresh.db.run(sql`
    insert into identity_code_failures (person_id, purpose, failures) values (${first}, 'VERIFY_PHONE', 20)`)
  expect((await unlock()).code).toBe(0)
  expect((await unlock()).code).toBe(0)
  expect(await acts('code.forgiven')).toHaveLength(1)
  expect(await fresh.db.many(sql`select 1 from identity_code_failures where person_id = ${first}`)).toEqual(
    [],
  )
})

test('a lost second factor is taken away by the operator, and with it the sign-ins', async () => {
  const reset = () => cauri(['user', 'reset-mfa', String(first), '--json'])
  expect((await reset()).code).toBe(0)
  expect((await reset()).code).toBe(0)
  expect(await acts('second_factor.reset')).toHaveLength(1)
  const tried = { account: { phone_number: '+237670000001' }, password: PASSWORD, device }
  expect((await login(fresh.db, identityWith(NEW), tried)).person.id).toBe(first)
  const { n } = await fresh.db.one<{ n: bigint }>(sql`
    select count(*) as n from identity_sessions where person_id = ${first} and ended_because = 'SECOND_FACTOR_RESET'`)
  expect(n).toBe(1n)
})
