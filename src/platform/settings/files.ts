import { z } from 'zod'
import { seconds, yes } from '../config-values.ts'
import { readKeyRing } from '../crypto/key-ring.ts'

/** Whether the keys of FIELD_ENCRYPTION_KEY can be read. */
function isKeyRing(text: string): boolean {
  try {
    return readKeyRing(text).all.length > 0
  } catch {
    return false // its sentence stands in the schema
  }
}

export const fieldEncryptionKey = z
  .string()
  .min(32)
  .refine(
    isKeyRing,
    'one secret of 32 characters or more, or a list id:secret,id:secret with different numbers',
  )
  .optional()
  .describe(
    'encrypts documents and sensitive columns; required in production. A list id:secret,id:secret where the first seals and all open: put a new key in front, run cauri keys rotate, then take the old one away',
  )

/** Where documents lie. */
export const filesSettings = {
  FILES_STORE: z
    .enum(['folder', 's3'])
    .default('folder')
    .describe('where documents lie, encrypted: folder files in CAURI_HOME, or an S3-compatible store'),
  FILES_S3_ENDPOINT: z
    .url()
    .optional()
    .describe('address of the S3-compatible store; Amazon’s own when absent'),
  FILES_S3_BUCKET: z.string().min(3).max(63).optional().describe('bucket; required by FILES_STORE=s3'),
  FILES_S3_REGION: z.string().default('us-east-1').describe('region that requests are signed for'),
  FILES_S3_ACCESS_KEY: z.string().optional().describe('required by FILES_STORE=s3'),
  FILES_S3_SECRET_KEY: z.string().optional().describe('required by FILES_STORE=s3'),
  FILES_S3_PATH_STYLE: yes
    .default(true)
    .describe('yes: the bucket stands in the path, as most stores other than Amazon’s want it'),
  FILES_S3_TIMEOUT_S: seconds.default(20).describe('longest wait for one answer of the store'),
}

const shape = z.object(filesSettings)
export type FilesSettings = z.output<typeof shape>

/** What a store needs that is not there, a sentence for each. */
export function missingForFiles(settings: FilesSettings): string[] {
  if (settings.FILES_STORE !== 's3') return []
  const needed = ['FILES_S3_BUCKET', 'FILES_S3_ACCESS_KEY', 'FILES_S3_SECRET_KEY'] as const
  return needed
    .filter((name) => settings[name] === undefined)
    .map((name) => `${name}: required by FILES_STORE=s3`)
}
