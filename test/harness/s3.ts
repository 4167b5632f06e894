import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { listen } from './listen.ts'

/** A store that speaks as much of S3 as a file store needs, in memory, and checks every signature (AWS Signature Version 4). */
export type TestS3 = {
  readonly url: string
  readonly objects: Map<string, { readonly bytes: Buffer; readonly at: Date }>
  /** What was asked, without what was sent: `PUT /bucket/kyc/doc-1`. */
  readonly asked: string[]
  /** Answers the next calls so instead: a status, or `cut` for a connection that ends. */
  readonly failures: (number | 'cut')[]
  readonly close: () => Promise<void>
}

export type TestS3Options = {
  readonly bucket: string
  readonly access_key: string
  readonly secret_key: string
  readonly page?: number
}

export async function openTestS3(options: TestS3Options): Promise<TestS3> {
  const objects: TestS3['objects'] = new Map()
  const asked: string[] = []
  const failures: (number | 'cut')[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://s3')
      asked.push(`${request.method} ${url.pathname}`)
      const failure = failures.shift()
      if (failure === 'cut') return request.socket.destroy()
      if (failure !== undefined) return refuse(response, failure, 'SlowDown')
      if (!isSigned(request, url, body, options)) return refuse(response, 403, 'SignatureDoesNotMatch')
      return serve({ objects, options }, { request, response, url, body })
    })
  })
  const port = await listen(server)
  return { url: `http://127.0.0.1:${port}`, objects, asked, failures, close: () => closed(server) }
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(Buffer.from(part as Buffer))
  return Buffer.concat(parts)
}

type Call = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly body: Buffer
}

function serve(
  { objects, options }: Pick<TestS3, 'objects'> & { options: TestS3Options },
  call: Call,
): unknown {
  const { request, response, url, body } = call
  const [, bucket, ...rest] = url.pathname.split('/')
  if (bucket !== options.bucket) return refuse(response, 404, 'NoSuchBucket')
  const key = rest.join('/')
  if (request.method === 'GET' && key === '') return listed({ objects, options }, response, url)
  const found = objects.get(key)
  switch (request.method) {
    case 'PUT':
      objects.set(key, { bytes: body, at: new Date() })
      return response.writeHead(200).end()
    case 'GET':
      return found === undefined
        ? refuse(response, 404, 'NoSuchKey')
        : response.writeHead(200).end(found.bytes)
    case 'DELETE':
      objects.delete(key)
      return response.writeHead(204).end()
    default:
      return refuse(response, 405, 'MethodNotAllowed')
  }
}

function listed(
  { objects, options }: Pick<TestS3, 'objects'> & { options: TestS3Options },
  response: ServerResponse,
  url: URL,
): unknown {
  const after = url.searchParams.get('continuation-token') ?? ''
  const prefix = url.searchParams.get('prefix') ?? ''
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted()
  const page = keys.slice(0, options.page ?? 1_000)
  const rows = page.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>${objects.get(key)?.at.toISOString()}</LastModified></Contents>`,
  )
  const more = keys.length > page.length
  const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
  const xml = `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${rows.join('')}</ListBucketResult>`
  return response.writeHead(200, { 'content-type': 'application/xml' }).end(xml)
}

const refuse = (response: ServerResponse, status: number, code: string): unknown =>
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** The canonical request, the string to sign and the derived key, as Amazon describes them. */
function isSigned(request: IncomingMessage, url: URL, body: Buffer, options: TestS3Options): boolean {
  const header =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    )
  const [, access_key, day = '', region = '', names = '', signature] = header ?? []
  const payload = String(request.headers['x-amz-content-sha256'])
  if (access_key !== options.access_key || (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)))
    return false
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&')
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonical = [request.method, url.pathname, query, headers.join(''), names, payload].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = ['s3', 'aws4_request'].reduce<Buffer>(
    (from, part) => hmac(from, part),
    hmac(hmac(`AWS4${options.secret_key}`, day), region),
  )
  return hmac(key, text).toString('hex') === signature
}
