import type * as Sdk from '@aws-sdk/client-s3'
import { assertNoTransaction } from '../db.ts'
import { assertFileName, type FileStore, type StoredFile } from '../files.ts'

export type S3Options = {
  /** Amazon's own when absent. */
  readonly endpoint?: string | undefined
  readonly region: string
  readonly bucket: string
  readonly access_key: string
  readonly secret_key: string
  /** The bucket stands in the path and not in the host's name. */
  readonly path_style: boolean
  readonly timeout_ms: number
}

/** Each call is the same thing when it is done twice, so what was cut is simply asked again. */
const TRIES = 3

/**
 * Files in a bucket of an S3-compatible store. What lies there is sealed already: the store is trusted to keep bytes, not to keep secrets. The
 * client is loaded at the first call, for it is large.
 */
export function openS3Store(options: S3Options): FileStore {
  let opened: Promise<S3> | undefined
  const s3 = (doing: string): Promise<S3> => {
    assertNoTransaction(doing)
    return (opened ??= openClient(options))
  }
  const { bucket: Bucket } = options
  return {
    put: async (name, bytes) => {
      assertFileName(name)
      const { sdk, client } = await s3('writing a file')
      await client.send(
        new sdk.PutObjectCommand({
          Bucket,
          Key: name,
          Body: bytes,
          ContentLength: bytes.length,
          ContentType: 'application/octet-stream',
        }),
      )
    },
    get: async (name) => {
      assertFileName(name)
      const { sdk, client } = await s3('reading a file')
      try {
        const answer = await client.send(new sdk.GetObjectCommand({ Bucket, Key: name }))
        if (answer.Body === undefined) throw new Error('the store answered without a body')
        return Buffer.from(await answer.Body.transformToByteArray())
      } catch (error) {
        // Whether it is there is a question; every other trouble goes up.
        if (error instanceof sdk.NoSuchKey) return undefined
        throw error
      }
    },
    remove: async (name) => {
      assertFileName(name)
      const { sdk, client } = await s3('removing a file')
      await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: name }))
    },
    list: (prefix) => list(() => s3('listing files'), Bucket, prefix),
    close: () => void opened?.then(({ client }) => client.destroy()).catch(() => undefined),
  }
}

type S3 = { readonly sdk: typeof Sdk; readonly client: Sdk.S3Client }

async function openClient(options: S3Options): Promise<S3> {
  const sdk = await import('@aws-sdk/client-s3')
  const client = new sdk.S3Client({
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    region: options.region,
    credentials: { accessKeyId: options.access_key, secretAccessKey: options.secret_key },
    forcePathStyle: options.path_style,
    maxAttempts: TRIES,
    // Stores other than Amazon's know no checksums in trailers; what is damaged does not open (GCM).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      requestTimeout: options.timeout_ms,
      connectionTimeout: 5_000,
      throwOnRequestTimeout: true,
    },
  })
  return { sdk, client }
}

async function* list(open: () => Promise<S3>, Bucket: string, Prefix: string): AsyncIterable<StoredFile> {
  let ContinuationToken: string | undefined
  do {
    const { sdk, client } = await open()
    const page = await client.send(
      new sdk.ListObjectsV2Command({
        Bucket,
        Prefix,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      }),
    )
    for (const { Key: name, LastModified: written_at } of page.Contents ?? [])
      if (name !== undefined && written_at !== undefined) yield { name, written_at }
    ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (ContinuationToken !== undefined)
}
