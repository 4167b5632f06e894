import { request } from 'undici'
import type { Product } from './product.ts'

const BOUNDARY = 'cauri-bench-7MA4YWxkTrZu0gW'
export const PAYER = 'ACC-123456789'
/** Above the longest upload and the longest wait; nothing here hangs for ever. */
const LONGEST_MS = 1_200_000

/** The form of an upload, made before the clock runs. */
export function formOf(csv: Buffer, payer: string): Buffer {
  const field = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="payer_account"\r\n\r\n${payer}\r\n`
  const file = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="bench.csv"\r\ncontent-type: text/csv\r\n\r\n`
  return Buffer.concat([Buffer.from(field + file), csv, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
}

/** Uploads a list and answers the batch's id once its money is reserved. Throws for anything but 201. */
export async function upload({ base }: Pick<Product, 'base'>, form: Buffer): Promise<string> {
  const { statusCode, body } = await request(`${base}/api/bulk-transfers`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: form,
    headersTimeout: LONGEST_MS,
  })
  const answer = (await body.json()) as { bulkTransferId?: string }
  if (statusCode !== 201 || answer.bulkTransferId === undefined)
    throw new Error(`upload: ${statusCode} ${JSON.stringify(answer)}`)
  return answer.bulkTransferId
}

/** Waits until the batch is final. Throws unless every line of it was paid. */
export async function allPaid({ base }: Product, id: string, lines: number): Promise<void> {
  const { statusCode, body } = await request(`${base}/api/bulk-transfers/${id}/wait?timeout=600`, {
    headersTimeout: LONGEST_MS,
  })
  const end = (await body.json()) as { completed?: number }
  if (statusCode !== 200 || end.completed !== lines)
    throw new Error(`not all of ${lines} lines were paid: ${statusCode} ${JSON.stringify(end)}`)
}
