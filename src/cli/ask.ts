import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { exits } from './exits.ts'
import { Stop } from './stop.ts'
import { inWords, type Sentence } from './words.ts'

/** Somebody sits there and can be asked. */
export const isAttended = (): boolean => process.stdin.isTTY && process.stderr.isTTY

/** Asks on standard error, which is not the result; what is secret is not shown as it is typed. */
export async function ask(question: Sentence, secret = false): Promise<string> {
  process.stderr.write(`${inWords(question)} `)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({
    input: process.stdin,
    output: secret ? nowhere : process.stderr,
    terminal: true,
  })
  try {
    return await lines.question('')
  } finally {
    lines.close()
    if (secret) process.stderr.write('\n')
  }
}

const MOST_BYTES = 4_096

/** The first line of standard input. */
export async function firstLineIn(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk)
    if (text.includes('\n') || text.length > MOST_BYTES) break
  }
  const line = text.split(/\r?\n/, 1)[0] ?? ''
  if (line !== '' && line.length <= MOST_BYTES) return line
  throw new Stop(exits.usage, {
    en: 'a password is expected as the first line of standard input',
    fr: 'un mot de passe est attendu comme première ligne de l’entrée standard',
  })
}
