import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { sql } from '../../src/platform/db.ts'
import { multipart, type Part } from './multipart.ts'
import { bearer, registerPerson, type Registered } from './people.ts'
import { answerOf, type Answer, type TestServer } from './server.ts'
import { until } from './wait.ts'

/** The pauses around the provider of identity checks, as fractions of a second. */
export const QUICK_CHECKS = {
  KYC_SWEEP_S: '0.05',
  KYC_QUERY_DELAYS_S: '0.05,0.1',
  KYC_NOT_FOUND_AFTER_S: '0.3',
  KYC_RETRY_DELAYS_S: '0.05,0.05',
  KYC_REVIEW_AFTER_S: '3600',
  KYC_HINT_EVERY_S: '30',
}

/** A small JPEG; each number gives another one. */
export const photo = (n = 0): Promise<Buffer> =>
  sharp({ create: { width: 320, height: 200, channels: 3, background: { r: n % 256, g: 90, b: 140 } } })
    .jpeg()
    .toBuffer()

export type Sending = {
  readonly file?: Buffer
  readonly filename?: string
  readonly type?: string
  readonly fields?: Readonly<Record<string, string>>
}

/** Sends a document over HTTP. */
export async function sendDocument(
  server: TestServer,
  access: string,
  document_type: string | undefined,
  { file, filename = 'photo.jpg', type = 'image/jpeg', fields = {} }: Sending = {},
): Promise<Answer> {
  const parts: Part[] = [
    ...(document_type === undefined ? [] : [{ name: 'document_type', value: document_type }]),
    ...Object.entries(fields).map(([name, value]) => ({ name, value })),
    { name: 'file', value: file ?? (await photo()), filename, type },
  ]
  const form = multipart(parts)
  const init = { method: 'POST', headers: { ...form.headers, ...bearer(access) }, body: form.body }
  return answerOf(await fetch(`${server.base}/api/auth/kyc/upload/`, init))
}

export async function consent(server: TestServer, access: string): Promise<Answer> {
  const { body } = await server.call('GET', '/api/auth/kyc/consent', undefined, bearer(access))
  const said = { version: body.version, language: 'fr' }
  return server.call('POST', '/api/auth/kyc/consent', said, bearer(access))
}

/** Somebody new, by the name that tells the simulated provider what to say. */
export const newcomer = (
  server: TestServer,
  first_name = 'Amina',
  last_name = 'Nkeng',
): Promise<Registered> => registerPerson(server, { first_name, last_name })

/** Sends everything that a check needs, with consent. */
export async function sendAll(server: TestServer, access: string): Promise<void> {
  const said = await consent(server, access)
  if (said.status !== 201) throw new Error(`no consent: ${said.text}`)
  for (const [i, type] of ['ID_FRONT', 'ID_BACK', 'SELFIE'].entries()) {
    const sent = await sendDocument(server, access, type, { file: await photo(i) })
    if (sent.status !== 201) throw new Error(`${type} was refused: ${sent.text}`)
  }
}

export const statusOf = async (server: TestServer, access: string): Promise<Answer> =>
  server.call('GET', '/api/auth/kyc/status/', undefined, { ...bearer(access), 'accept-language': 'en' })

/** Waits until the person's status is one of these. */
export const untilStatus = (server: TestServer, access: string, ...wanted: string[]): Promise<Answer> =>
  until(`kyc_status ${wanted.join(' or ')}`, async () => {
    const said = await statusOf(server, access)
    return wanted.includes(String(said.body.kyc_status)) && said
  })

/** What is stored of everybody: rows, files, uploads that wait. */
export async function stored(server: TestServer): Promise<object> {
  const { home } = server.config
  const { n } = await server.db.one<{ n: bigint }>(sql`select count(*) as n from kyc_documents`)
  const list = (folder: string): Promise<string[]> => readdir(join(home, folder)).catch(() => [])
  return { rows: Number(n), files: (await list('files/kyc')).toSorted(), waiting: await list('uploads') }
}
