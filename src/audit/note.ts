import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { sha256 } from '../platform/ids.ts'

/**
 * Signed notes and checkpoints as C2SP defines them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), so that anybody's
 * program can read them: origin, size and root, an empty line, and a line for each signature.
 */
export type Checkpoint = {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

type Signature = { readonly name: string; readonly key_id: Buffer; readonly signature: Buffer }
export type SignedCheckpoint = Checkpoint & {
  /** What was signed: the three lines with their ends. */
  readonly text: string
  readonly signatures: readonly Signature[]
}

/** Who can be believed: a name, and a public key that goes with it. */
export type Verifier = {
  readonly name: string
  readonly key_id: Buffer
  readonly key: KeyObject
  /** All of it in one word, `name+id+key`, to be kept elsewhere and given to verifiers. */
  readonly vkey: string
}

const ED25519 = Buffer.from([1])
/** What DER puts before the 32 bytes of a key: RFC 8410 §4 and §7. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The Ed25519 key whose private half is these 32 bytes. */
export const keyFromSeed = (seed: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })

export function verifierOf(name: string, key: KeyObject): Verifier {
  const open = key.type === 'private' ? createPublicKey(key) : key
  const raw = open.export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
  const key_id = sha256(`${name}\n`, ED25519, raw).subarray(0, 4)
  const vkey = `${name}+${key_id.toString('hex')}+${Buffer.concat([ED25519, raw]).toString('base64')}`
  return { name, key_id, key: open, vkey }
}

/** Reads `name+id+key`; undefined when it is not one of Ed25519, or when its parts do not belong together. */
export function readVerifier(vkey: string): Verifier | undefined {
  const [, name, text] = /^([^\s+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]{44})$/.exec(vkey.trim()) ?? []
  if (name === undefined || text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 33 || !bytes.subarray(0, 1).equals(ED25519)) return undefined
  const der = Buffer.concat([SPKI, bytes.subarray(1)])
  const found = verifierOf(name, createPublicKey({ key: der, format: 'der', type: 'spki' }))
  return found.vkey === vkey.trim() ? found : undefined
}

/** The signed text of a checkpoint; the key's name is the origin. */
export function signCheckpoint({ origin, size, root }: Checkpoint, key: KeyObject): string {
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`
  const { key_id } = verifierOf(origin, key)
  const signature = sign(null, Buffer.from(text), key)
  return `${text}\n— ${origin} ${Buffer.concat([key_id, signature]).toString('base64')}\n`
}

const NOTE =
  /^(([^\s+]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n)\n((?:— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)$/

/** Reads a signed checkpoint; undefined when it is none. Whether the signatures are right is another question. */
export function readCheckpoint(note: string): SignedCheckpoint | undefined {
  const [, text = '', origin = '', size = '', root = '', lines = ''] = NOTE.exec(note) ?? []
  const bytes = Buffer.from(root, 'base64')
  if (text === '' || bytes.toString('base64') !== root || !Number.isSafeInteger(Number(size)))
    return undefined
  const signatures = lines
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, name = '', words = ''] = line.split(' ')
      const said = Buffer.from(words, 'base64')
      return { name, key_id: said.subarray(0, 4), signature: said.subarray(4), words }
    })
  // Base64 has spare bits: a note has one spelling.
  if (signatures.some((one) => Buffer.concat([one.key_id, one.signature]).toString('base64') !== one.words))
    return undefined
  return { text, origin, size: Number(size), root: bytes, signatures }
}

/**
 * Whether one of these keys signed it, and none of them is named with a signature that is wrong. Signatures of others
 * (witnesses) are left alone, as the format asks.
 */
export function isSignedBy(checkpoint: SignedCheckpoint, verifiers: readonly Verifier[]): boolean {
  const verdicts = checkpoint.signatures.flatMap(({ name, key_id, signature }) => {
    const known = verifiers.find((one) => one.name === name && one.key_id.equals(key_id))
    return known === undefined ? [] : [verify(null, Buffer.from(checkpoint.text), known.key, signature)]
  })
  return verdicts.length > 0 && verdicts.every(Boolean)
}
