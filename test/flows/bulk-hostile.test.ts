import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../src/platform/db.ts'
import { freshDatabase } from '../harness/database.ts'
import { multipart, standardCsv, type Part } from '../harness/multipart.ts'
import { spawnNode, type NodeProcess } from '../harness/process.ts'
import { PAYER } from '../harness/server.ts'
import { tracesOf } from '../harness/traces.ts'
import { until } from '../harness/wait.ts'

/** A process of its own: it must not end, and its memory is its own. */
let server: NodeProcess
let port: number
let db: Db
let home: string
beforeAll(async () => {
  const database = await freshDatabase()
  db = database.db
  home = await mkdtemp(join(tmpdir(), 'cauri-hostile-'))
  server = spawnNode(fileURLToPath(new URL('../../src/main.ts', import.meta.url)), {
    args: ['--role', 'api'],
    env: {
      CAURI_HOME: home,
      DATABASE_URL: database.url,
      PORT: '0',
      SDK_PORT: '0',
      HUB_PORT: '0',
      SIMULATOR_PORT: '0',
      LOG_LEVEL: 'error',
      UPLOAD_MAX_BYTES: String(120 * MB),
      UPLOAD_MAX_ROWS: '50000',
    },
  })
  const [, found] = await server.waitForLine(/^ready http:\/\/127\.0\.0\.1:(\d+)$/, 45_000)
  port = Number(found)
})
afterAll(async () => {
  server.kill()
  await server.exited
  await rm(home, { recursive: true, force: true })
})

const MB = 1_000_000
const HEADER = 'transferId,amount,currency,partyIdType,partyIdentifier\n'
const BOUNDARY = 'hostile-0123456789'
const HEAD = Buffer.from(
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="payer_account"\r\n\r\n${PAYER}\r\n` +
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="list.csv"\r\ncontent-type: text/csv\r\n\r\n`,
)
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)

type Said = { readonly status: number; readonly code: string; readonly sent: number; readonly text: string }

/** Sends a form whose file comes piece by piece, until the answer is there. */
function stream(pieces: Iterable<Buffer>, { end = TAIL } = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let answered = false
    const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'accept-language': 'en' }
    const call = request(
      { port, host: '127.0.0.1', method: 'POST', path: '/api/bulk-transfers', headers },
      (answer) => {
        answered = true
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => void (text += piece))
        answer.on('end', () => {
          const { code = '' } = JSON.parse(text) as { code?: string }
          resolve({ status: answer.statusCode ?? 0, code, sent, text })
        })
      },
    )
    call.on('error', (error) => (answered ? undefined : reject(error)))
    const closed = new Promise((gone) => call.once('close', gone))
    void (async () => {
      call.write(HEAD)
      for (const piece of pieces) {
        if (answered) break
        sent += piece.length
        const more = call.write(piece)
        await turn() // the answer may be there
        if (!more && call.writableNeedDrain)
          await Promise.race([new Promise((drained) => call.once('drain', drained)), closed])
      }
      if (!answered) call.end(end)
    })()
  })
}

const whole = (file: string | Buffer): Promise<Said> => stream([Buffer.from(file)])
function* repeated(start: string, piece: string, bytes: number): Generator<Buffer> {
  yield Buffer.from(start)
  const block = Buffer.from(piece.repeat(Math.ceil(MB / piece.length)))
  for (let sent = 0; sent < bytes; sent += block.length) yield block
}
function* rowsUpTo(rows: number): Generator<Buffer> {
  yield Buffer.from(HEADER)
  for (let n = 0; n < rows; n += 10_000)
    yield Buffer.from(
      Array.from({ length: 10_000 }, (_, i) => `tx-${n + i},1,XOF,MSISDN,22891${100_000 + i}\n`).join(''),
    )
}

const spooled = (): Promise<string[]> => readdir(join(home, 'uploads'))
const health = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/health`)).status
/** The most memory that the process had since `forget`, in megabytes. */
const peak_mb = async (): Promise<number> =>
  Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1_000
const forget = (): Promise<void> => writeFile(`/proc/${server.pid}/clear_refs`, '5')

/** The bar of an API process that takes a million rows. */
const MAX_MB = 400

afterEach(async () => {
  expect(await health()).toBe(200)
  await until('nothing is left in the upload folder', async () => (await spooled()).length === 0)
})

describe('a hostile file is refused in bounded memory, and leaves nothing:', () => {
  test.each<readonly [string, () => Promise<Said>, number, string]>([
    ['ten million rows', () => stream(rowsUpTo(10_000_000)), 413, 'FILE_TOO_LARGE'],
    ['a row too many', () => stream(rowsUpTo(60_000)), 413, 'FILE_TOO_LARGE'],
    ['one line of 100 MB', () => stream(repeated(HEADER, 'x', 100 * MB)), 400, 'FILE_NOT_CSV'],
    ['100 MB without a newline', () => stream(repeated('', 'a,', 100 * MB)), 400, 'FILE_NOT_CSV'],
    [
      'a quote that is never closed',
      () => stream(repeated(`${HEADER}"`, 'x\n', 60 * MB)),
      400,
      'FILE_NOT_CSV',
    ],
    ['100 MB of blank lines', () => stream(repeated('', '\r\n', 100 * MB)), 400, 'FILE_EMPTY'],
    ['a header without rows or newline', () => whole(HEADER.trim()), 400, 'FILE_HAS_NO_ROWS'],
    [
      '10,000 columns',
      () => whole(`${HEADER.trim()}${',x'.repeat(10_000)}\n1\n`),
      400,
      'FILE_HEADER_UNKNOWN',
    ],
    ['NUL bytes', () => whole(Buffer.alloc(5_000_000)), 400, 'FILE_NOT_CSV'],
    ['a NUL in a cell', () => whole(`${HEADER}a\0,1,XOF,MSISDN,22891123456\n`), 400, 'FILE_NOT_CSV'],
    ['UTF-16 without its mark', () => whole(Buffer.from(standardCsv(5), 'utf16le')), 400, 'FILE_NOT_CSV'],
    [
      'half a UTF-16 character',
      () => whole(Buffer.concat([Buffer.from(`\uFEFF${standardCsv(5)}`, 'utf16le'), Buffer.from([0xd8])])),
      400,
      'FILE_NOT_CSV',
    ],
    [
      'a zip with another name',
      () => whole(Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(10_000, 7)])),
      400,
      'FILE_NOT_CSV',
    ],
    ['an image', () => whole(Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')), 400, 'FILE_NOT_CSV'],
    ['ragged rows', () => whole(`${HEADER}a\na,b\na,b,c,d,e,f,g\n`), 400, 'FILE_ROWS_INVALID'],
    [
      'formulas',
      () => whole(`${HEADER}=1+1,=2*3,=XOF,=MSISDN,"=cmd|'/c calc'!A0"\n`),
      400,
      'FILE_ROWS_INVALID',
    ],
    [
      'faulty rows only',
      () => stream(repeated(HEADER, 'a b,1E5,xof,PHONE,x y\n', MB)),
      400,
      'FILE_ROWS_INVALID',
    ],
  ])('%s', async (_, sending, status, code) => {
    const before = await tracesOf(db)
    await forget()
    const said = await sending()
    expect([said.status, said.code]).toEqual([status, code])
    expect(await peak_mb()).toBeLessThan(MAX_MB)
    expect(await tracesOf(db)).toEqual(before)
  })

  test('ten million rows are not even read to their end', async () => {
    const { sent } = await stream(rowsUpTo(10_000_000))
    expect(sent).toBeLessThan(200 * MB)
  })
})

describe('a broken form is refused, and leaves nothing:', () => {
  const post = async (headers: Record<string, string>, body: Buffer): Promise<Said> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/bulk-transfers`, {
      method: 'POST',
      headers,
      body,
    })
    const text = await answer.text()
    const { code = '' } = JSON.parse(text) as { code?: string }
    return { status: answer.status, code, sent: body.length, text }
  }
  const payer: Part = { name: 'payer_account', value: PAYER }
  const file: Part = { name: 'file', value: standardCsv(2), filename: 'a.csv' }
  const { headers, body } = multipart([payer, file])
  const form = (parts: readonly Part[]): Promise<Said> => post(headers, multipart(parts).body)
  const many = Array.from({ length: 50 }, (_, i) => ({ name: `field${i}`, value: 'x' }))

  test.each<readonly [string, () => Promise<Said>, number, string]>([
    ['no boundary', () => post({ 'content-type': 'multipart/form-data' }, body), 400, 'BAD_REQUEST'],
    [
      'another boundary',
      () => post({ 'content-type': 'multipart/form-data; boundary=x' }, body),
      400,
      'BAD_REQUEST',
    ],
    ['no end', () => post(headers, body.subarray(0, -20)), 400, 'BAD_REQUEST'],
    ['cut in the file', () => post(headers, body.subarray(0, -60)), 400, 'BAD_REQUEST'],
    ['cut in a part’s headers', () => post(headers, body.subarray(0, 50)), 400, 'BAD_REQUEST'],
    ['no parts', () => post(headers, Buffer.from('')), 400, 'FILE_MISSING'],
    ['only the end', () => post(headers, multipart([]).body), 400, 'FILE_MISSING'],
    ['fifty fields', () => form([...many, file]), 400, 'VALIDATION_FAILED'],
    ['two files', () => form([file, { ...file, value: standardCsv(2, 50) }]), 400, 'VALIDATION_FAILED'],
    ['a file under another name', () => form([{ ...file, name: 'csv' }]), 400, 'VALIDATION_FAILED'],
    [
      'a file without a name, as text',
      () => form([payer, { name: 'file', value: standardCsv(2) }]),
      400,
      'FILE_MISSING',
    ],
    ['a field of a prototype', () => form([{ name: '__proto__', value: 'x' }, file]), 400, 'BAD_REQUEST'],
    ['a NUL in a field', () => form([{ ...payer, value: 'ACC\0' }, file]), 400, 'BAD_REQUEST'],
    [
      'a JSON field',
      () => form([{ ...payer, value: '{"a":1}', type: 'application/json' }, file]),
      400,
      'PAYER_ACCOUNT_REQUIRED',
    ],
    [
      'a field that is broken JSON',
      () => form([{ ...payer, value: '{', type: 'application/json' }, file]),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
  ])('%s', async (_, sending, status, code) => {
    const before = await tracesOf(db)
    const said = await sending()
    expect([said.status, said.code]).toEqual([status, code])
    expect(await tracesOf(db)).toEqual(before)
  })

  test('a strange file name, and none at all with a file’s type, are only names', async () => {
    for (const part of [
      { ...file, filename: 'a\0b\u0007.csv' },
      { ...file, filename: '../../../etc/passwd', value: standardCsv(2, 100) },
      { ...file, filename: 'é'.repeat(2_000), value: standardCsv(2, 200) },
      { name: 'file', value: standardCsv(2, 300), type: 'application/octet-stream' },
    ])
      expect((await form([payer, part])).status).toBe(201)
  })
})

/** Opens an upload and sends only its beginning. */
async function begin(): Promise<{ readonly send: (text: string) => void; readonly cut: () => void }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  const length = 10 * MB
  socket.write(
    `POST /api/bulk-transfers HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: ${length}\r\n` +
      `content-type: multipart/form-data; boundary=${BOUNDARY}\r\n\r\n`,
  )
  socket.write(HEAD)
  socket.write(HEADER)
  await turn()
  return { send: (text) => void socket.write(text), cut: () => void socket.destroy() }
}

describe('a client that is slow or leaves', () => {
  test('in the middle of the file leaves nothing', async () => {
    const before = await tracesOf(db)
    const uploads = await Promise.all(Array.from({ length: 20 }, begin))
    for (const { send } of uploads) send('a'.repeat(200_000))
    await until('the files are being spooled', async () => (await spooled()).length === 20)
    for (const { cut } of uploads) cut()
    await until('they are gone', async () => (await spooled()).length === 0)
    expect(await tracesOf(db)).toEqual(before)
  })

  test('holds up nobody else, and takes no connection to the database', async () => {
    const slow = await Promise.all(Array.from({ length: 30 }, begin))
    await until('they are being spooled', async () => (await spooled()).length === 30)
    const said = await whole(standardCsv(100, 5_000))
    expect(said.status).toBe(201)
    for (const { send } of slow) send('tx-1,1,XOF,MSISDN,22891123456\n')
    expect(await health()).toBe(200)
    for (const { cut } of slow) cut()
  })

  test('a crowd of uploads is served in turn, while others are answered', async () => {
    const crowd = Array.from({ length: 24 }, (_, i) => whole(standardCsv(3_000, 10_000 + 3_000 * i)))
    const others = Array.from({ length: 20 }, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/accounts/${PAYER}`)
      return answer.status
    })
    expect(await Promise.all(others)).toEqual(Array(20).fill(200))
    expect((await Promise.all(crowd)).map(({ status }) => status)).toEqual(Array(24).fill(201))
  })
})

test('a JSON body is refused before it is read, whatever its size', async () => {
  const size = 64 * MB
  const answer = await new Promise<number | 'cut'>((resolve) => {
    const sent = request(
      {
        port,
        method: 'POST',
        path: '/api/bulk-transfers',
        headers: { 'content-type': 'application/json', 'content-length': size },
      },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
        sent.destroy()
      },
    )
    sent.on('error', () => resolve('cut'))
    sent.write(Buffer.alloc(1024, ' '))
  })
  expect(answer).toBe(415)
})
