export type Part = { readonly name: string; readonly type: string; readonly bytes: Buffer }

/** The parts of a multipart/form-data body (RFC 7578), or undefined where it is none. */
export function readMultipart(content_type: string, body: Buffer): readonly Part[] | undefined {
  const match = /^multipart\/form-data;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(content_type)
  const boundary = match?.[1] ?? match?.[2]
  if (boundary === undefined) return undefined
  const mark = `--${boundary}`
  if (!body.subarray(0, mark.length).equals(Buffer.from(mark))) return undefined
  const parts: Part[] = []
  for (let at = mark.length; ;) {
    if (body.toString('latin1', at, at + 2) === '--') return parts
    const head_end = body.indexOf('\r\n\r\n', at)
    const next = body.indexOf(`\r\n${mark}`, head_end)
    if (head_end < 0 || next < 0) return undefined
    const head = body.toString('utf8', at, head_end)
    const name = /;\s*name="([^"]*)"/i.exec(head)?.[1]
    if (name === undefined) return undefined
    const type = /^content-type:\s*([^\r\n;]+)/im.exec(head)?.[1] ?? 'text/plain'
    parts.push({ name, type, bytes: Buffer.from(body.subarray(head_end + 4, next)) })
    at = next + 2 + mark.length
  }
}
