export type Part = {
  readonly name: string
  readonly value: string | Buffer
  readonly filename?: string
  readonly type?: string
}

/** A form as its bytes, part by part in the order given, so that a test may also break it. */
export function multipart(
  parts: readonly Part[],
  boundary = 'test-boundary-7MA4YWxkTrZu0gW',
): { readonly headers: { readonly 'content-type': string }; readonly body: Buffer<ArrayBuffer> } {
  const chunks = parts.flatMap(({ name, value, filename, type }) => {
    const disposition = `form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}`
    const kind = type ?? (filename === undefined ? undefined : 'text/csv')
    const head = `--${boundary}\r\ncontent-disposition: ${disposition}\r\n${kind === undefined ? '' : `content-type: ${kind}\r\n`}\r\n`
    return [Buffer.from(head), Buffer.isBuffer(value) ? value : Buffer.from(value), Buffer.from('\r\n')]
  })
  const body = Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)])
  return { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body }
}

/** A standard file of so many rows; ids and numbers from `from` on, so that two files share none. */
export function standardCsv(rows: number, from = 1, amount = 100): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const n = from + i
    return `tx-${n},${amount},XOF,MSISDN,${numberAt(n)}`
  })
  return `transferId,amount,currency,partyIdType,partyIdentifier\n${lines.join('\n')}\n`
}

/** A Togolese number that the simulators have no special meaning for: its last six digits are above 100,000. */
export const numberAt = (n: number): string => `2289${1_100_000 + n}`

/** A number that the simulators' one table of magic numbers knows: its last six digits are 000 and the code. */
export const magic = (code: string, n = 0): string => `2289${n}000${code}`
