import { randomUUID } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { exits } from './exits.ts'
import { Stop } from './stop.ts'

export type Form = {
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Buffer>
  readonly close: () => Promise<void>
}

/**
 * A form with one file (multipart/form-data, RFC 7578): fields first, then the file, read while it is sent. Throws a
 * `Stop` when there is no such file.
 */
export async function openForm(path: string, fields: readonly (readonly [string, string])[]): Promise<Form> {
  const handle = await open(path).catch(() => undefined) // whatever the reason, the answer is the same
  const found = await handle?.stat()
  if (handle === undefined || found?.isDirectory() !== false) {
    await handle?.close()
    throw new Stop(exits.usage, {
      en: `${path} cannot be read as a file`,
      fr: `${path} ne se lit pas comme un fichier`,
    })
  }
  const boundary = `cauri-${randomUUID()}`
  const head = Buffer.from(
    fields
      .map(
        ([name, value]) =>
          `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join('') +
      `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${quoted(basename(path))}"\r\n` +
      'content-type: text/csv\r\n\r\n',
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  // What is not a plain file (a pipe) has no length of its own.
  const length = found.isFile() ? { 'content-length': String(head.length + found.size + tail.length) } : {}
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, ...length },
    body: parts(head, handle, found.isFile() ? found.size : undefined, tail),
    close: () => handle.close(),
  }
}

async function* parts(
  head: Buffer,
  file: FileHandle,
  size: number | undefined,
  tail: Buffer,
): AsyncGenerator<Buffer> {
  yield head
  // A file that grows meanwhile is sent as long as it was announced.
  const range = size === undefined ? {} : { end: size - 1 }
  if (size !== 0)
    for await (const chunk of file.createReadStream({ autoClose: false, ...range })) yield Buffer.from(chunk)
  yield tail
}

/** As browsers write it (WHATWG HTML, multipart/form-data encoding). */
const quoted = (name: string): string =>
  name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
