import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/**
 * An append-only file of JSON lines that survives the death of the process: what `append` is given is in the kernel's
 * hands before `done` runs. All the lines of one turn of the event loop go out in one write.
 */
export type DurableLog = {
  readonly append: (line: string, done?: () => void) => void
  /** Runs `done` once all that was appended so far is written: at once when nothing waits. */
  readonly settled: (done: () => void) => void
  /** Writes what is waiting now. */
  readonly flush: () => void
  readonly close: () => void
}

/** Reads back every whole line in order, cuts a torn last one off the file, and opens the log for more. */
export function openDurableLog(path: string, replay: (line: string) => void): DurableLog {
  mkdirSync(dirname(path), { recursive: true })
  if (!existsSync(path)) writeFileSync(path, '', { mode: 0o600 })
  const file = openSync(path, 'r+')
  let position = readLines(file, replay)
  ftruncateSync(file, position)
  let lines: string[] = []
  let waiting: (() => void)[] = []
  let planned = false
  let is_closed = false

  const flush = (): void => {
    planned = false
    if (lines.length === 0) return
    const text = lines.join('\n') + '\n'
    const done = waiting
    lines = []
    waiting = []
    const bytes = Buffer.from(text)
    for (let sent = 0; sent < bytes.length;)
      sent += writeSync(file, bytes, sent, bytes.length - sent, position + sent)
    position += bytes.length
    for (const run of done) run()
  }
  return {
    append: (line, done) => {
      // The world has ended: what comes after it never happened, and nobody is told that it did.
      if (is_closed) return
      lines.push(line)
      if (done !== undefined) waiting.push(done)
      if (planned) return
      planned = true
      setImmediate(flush)
    },
    settled: (done) => {
      if (lines.length === 0) done()
      else waiting.push(done)
    },
    flush,
    close: () => {
      flush()
      is_closed = true
      closeSync(file)
    },
  }
}

/** Gives the length of the file up to and with its last line end. */
function readLines(file: number, replay: (line: string) => void): number {
  const chunk = Buffer.allocUnsafe(1 << 16)
  let rest = Buffer.alloc(0)
  let whole = 0
  for (let at = 0; ;) {
    const count = readSync(file, chunk, 0, chunk.length, at)
    if (count === 0) return whole
    at += count
    const bytes = Buffer.concat([rest, chunk.subarray(0, count)])
    const end = bytes.lastIndexOf(10)
    rest = end < 0 ? bytes : Buffer.from(bytes.subarray(end + 1))
    if (end < 0) continue
    whole += end + 1
    for (const line of bytes.toString('utf8', 0, end).split('\n')) if (line !== '') replay(line)
  }
}
