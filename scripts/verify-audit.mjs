#!/usr/bin/env node
/**
 * Verifies an exported audit trail, or a proof about one, with nothing but this file, Node (20 or newer) and the public
 * key that was kept: no database, no package, no network. docs/concepts/audit-trail.md describes the formats.
 *
 *   node verify-audit.mjs EXPORT --key KEY [--checkpoint FILE]
 *   node verify-audit.mjs --proof FILE --key KEY
 *
 * KEY is the line that `cauri audit key` printed, or a file that holds such lines; it may be repeated. FILE after
 * --checkpoint is a checkpoint that was kept elsewhere. Exit codes: 0 sound, 1 not sound, 2 called wrongly.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'

class Unsound extends Error {}
class Usage extends Error {}
const unsound = (message) => {
  throw new Unsound(message)
}

const sha256 = (...parts) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const leafHash = (bytes) => sha256(Buffer.from([0]), bytes)
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right)

// The tree: RFC 6962 §2.1. `edge` holds the roots of the largest complete subtrees, from left to right.
const newLog = () => ({ size: 0, edge: [] })

function append(log, leaf) {
  let hash = leaf
  for (let index = log.size; index % 2 === 1; index = (index - 1) / 2) hash = nodeHash(log.edge.pop(), hash)
  log.edge.push(hash)
  log.size += 1
}

const rootOf = ({ edge }) =>
  edge.length === 0 ? sha256() : edge.reduceRight((right, left) => nodeHash(left, right))

// Keys and signed notes: c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
function readKey(line) {
  const [, name, text] = /^([^\s+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]{44})$/.exec(line.trim()) ?? []
  const bytes = Buffer.from(text ?? '', 'base64')
  const id = sha256(`${name}\n`, bytes).subarray(0, 4)
  if (bytes.length !== 33 || bytes[0] !== 1 || line.trim() !== `${name}+${id.toString('hex')}+${text}`)
    throw new Usage(`this is not a public key of an audit trail: ${line.slice(0, 100)}`)
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1)])
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

const NOTE =
  /^(([^\s+]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n)\n((?:— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)$/

/** Reads a checkpoint and holds it against the keys; throws when it is none, or not signed by one of them. */
function readCheckpoint(note, keys, what) {
  const [, text, origin, size, root, lines] = NOTE.exec(note) ?? unsound(`${what} is not a signed checkpoint`)
  let signed = 0
  for (const line of lines.trimEnd().split('\n')) {
    const [, name, words] = line.split(' ')
    const said = Buffer.from(words, 'base64')
    if (said.toString('base64') !== words) unsound(`a signature of ${what} is not well written`)
    const known = keys.find((one) => one.name === name && one.id.equals(said.subarray(0, 4)))
    if (known === undefined) continue // a witness whom we do not know
    if (!verify(null, Buffer.from(text), known.key, said.subarray(4)))
      unsound(`the signature of ${what} is wrong`)
    signed += 1
  }
  if (signed === 0) unsound(`${what} is not signed by a key that was given`)
  if (!keys.some(({ name }) => name === origin)) unsound(`${what} is one of another log (${origin})`)
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') }
}

/** The lines of a file as bytes, without holding the file; throws where the last one has no end. */
function* linesOf(path) {
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(1 << 20)
    let rest = Buffer.alloc(0)
    for (let n; (n = readSync(file, chunk)) > 0;) {
      let bytes = Buffer.concat([rest, chunk.subarray(0, n)])
      for (let end; (end = bytes.indexOf(10)) >= 0; bytes = bytes.subarray(end + 1))
        yield bytes.subarray(0, end)
      rest = bytes
    }
    if (rest.length > 0) unsound('the file ends in the middle of a line: it was cut')
  } finally {
    closeSync(file)
  }
}

function parse(line, what) {
  try {
    return JSON.parse(line.toString())
  } catch {
    return unsound(`${what} is not JSON`)
  }
}

const CHECKPOINT = Buffer.from('{"checkpoint":')

/** Goes through an exported log once: every line that is no checkpoint is the canonical form of an act. */
function verifyLog(path, keys, kept) {
  const log = newLog()
  let head
  let covered = 0
  let checkpoints = 0
  let met = false
  const meetKept = () => {
    if (kept?.size !== log.size) return
    if (!kept.root.equals(rootOf(log)))
      unsound(`acts 1 to ${log.size} are not those that the kept checkpoint has sealed`)
    met = true
  }
  for (const line of linesOf(path)) {
    if (head === undefined) {
      head = parse(line, 'the first line')
      if (head.cauri_audit_log !== 1)
        unsound('this is not an exported audit trail of a form that is known here')
      if (!keys.some(({ name }) => name === head.origin))
        unsound(`the keys are those of another log than ${head.origin}`)
      meetKept()
    } else if (line.subarray(0, CHECKPOINT.length).equals(CHECKPOINT)) {
      const what = `the checkpoint after act ${log.size}`
      const { origin, size, root } = readCheckpoint(parse(line, what).checkpoint, keys, what)
      const acts = `acts ${covered + 1} to ${Math.max(size, log.size)}`
      if (origin !== head.origin) unsound(`${what} is one of another log (${origin})`)
      if (size > log.size) unsound(`${acts}: ${size - log.size} missing (taken out, or cut off)`)
      if (size < log.size) unsound(`${acts}: ${log.size - size} too many (put in)`)
      if (size <= covered) unsound(`${what} stands there twice`)
      if (!root.equals(rootOf(log)))
        unsound(`${acts} are not those that were sealed (changed, or put elsewhere)`)
      covered = size
      checkpoints += 1
    } else {
      append(log, leafHash(line))
      meetKept()
    }
  }
  if (head === undefined) unsound('the file is empty')
  if (covered < log.size) unsound(`acts ${covered + 1} to ${log.size} have no checkpoint`)
  if (log.size < head.size)
    unsound(`the file says that it holds ${head.size} acts, and ends after ${log.size}: it was cut`)
  if (kept !== undefined && !met)
    unsound(
      `the kept checkpoint covers ${kept.size} acts, and the log ends after ${log.size}: its end was cut off`,
    )
  return `ok: ${log.size} acts, ${checkpoints} checkpoints, root ${rootOf(log).toString('base64')}`
}

/** RFC 9162 §2.1.3.2. */
function provesInclusion({ index, size, leaf, root, hashes }) {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false
  let [at, last, hash] = [index, size - 1, leaf]
  for (const next of hashes) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(next, hash)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else hash = nodeHash(hash, next)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && hash.equals(root)
}

/** RFC 9162 §2.1.4.2. */
function provesConsistency(older, newer, hashes) {
  if (older.size < 1 || older.size > newer.size) return false
  if (older.size === newer.size) return hashes.length === 0 && older.root.equals(newer.root)
  let [at, last] = [older.size - 1, newer.size - 1]
  while (at % 2 === 1) [at, last] = [(at - 1) / 2, Math.floor(last / 2)]
  // A complete older tree is the first hash itself, and the proof leaves it out.
  const [start, ...rest] = at === 0 ? [older.root, ...hashes] : hashes
  if (start === undefined) return false
  let [was, is] = [start, start]
  for (const next of rest) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      was = nodeHash(next, was)
      is = nodeHash(next, is)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else is = nodeHash(is, next)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && was.equals(older.root) && is.equals(newer.root)
}

function verifyProof(path, keys) {
  const proof = parse(readFileSync(path), 'the proof')
  if (!Array.isArray(proof.hashes)) unsound('the proof has no hashes')
  const hashes = proof.hashes.map((text) => Buffer.from(String(text), 'base64'))
  const newer = readCheckpoint(String(proof.checkpoint), keys, 'the checkpoint of the proof')
  if (proof.kind === 'inclusion') {
    const leaf = leafHash(Buffer.from(String(proof.event)))
    if (!provesInclusion({ index: proof.leaf_index, size: newer.size, leaf, root: newer.root, hashes }))
      unsound('the act is not in this log, or not as it stands here')
    return `ok: act ${proof.leaf_index + 1} of ${newer.size}: ${proof.event}`
  }
  if (proof.kind !== 'consistency') unsound(`a proof of another kind: ${String(proof.kind)}`)
  const older = readCheckpoint(String(proof.older), keys, 'the older checkpoint of the proof')
  if (older.origin !== newer.origin) unsound('the checkpoints are of two logs')
  if (!provesConsistency(older, newer, hashes))
    unsound(`the log of ${newer.size} acts does not begin with the one of ${older.size}`)
  return `ok: the log of ${newer.size} acts begins with the one of ${older.size}`
}

function readArguments(args) {
  const asked = { keys: [] }
  const named = { '--key': 'key', '--checkpoint': 'checkpoint', '--proof': 'proof' }
  for (let i = 0; i < args.length; i++) {
    const name = named[args[i]] ?? (args[i].startsWith('-') ? undefined : 'log')
    const value = name === 'log' ? args[i] : args[++i]
    if (name === undefined || value === undefined) throw new Usage(`what does ${args.at(-1)} mean?`)
    if (name === 'key') asked.keys.push(...keysOf(value))
    else asked[name] = value
  }
  const isLog = asked.log !== undefined && asked.proof === undefined
  const isProof = asked.proof !== undefined && asked.log === undefined && asked.checkpoint === undefined
  if (asked.keys.length === 0)
    throw new Usage('--key is needed: without it, whoever wrote the log vouches for it')
  if (!isLog && !isProof) throw new Usage('name an exported log, or a proof with --proof')
  return asked
}

const keysOf = (value) =>
  (existsSync(value) ? readFileSync(value, 'utf8') : value).trim().split(/\s+/).map(readKey)

try {
  const { log, keys, checkpoint, proof } = readArguments(process.argv.slice(2))
  const kept =
    checkpoint === undefined
      ? undefined
      : readCheckpoint(readFileSync(checkpoint, 'utf8'), keys, 'the kept checkpoint')
  console.log(proof === undefined ? verifyLog(log, keys, kept) : verifyProof(proof, keys))
} catch (error) {
  if (error instanceof Unsound) console.error(`NOT SOUND: ${error.message}`)
  else if (error instanceof Usage)
    console.error(
      `${error.message}\nusage: verify-audit.mjs EXPORT --key KEY [--checkpoint FILE], or --proof FILE --key KEY`,
    )
  else console.error(String(error))
  process.exitCode = error instanceof Unsound ? 1 : 2
}
