import { readFile } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import {
  exportTrail,
  newestCheckpoint,
  originOf,
  proveConsistency,
  proveInclusion,
  readCheckpoint,
  readSigningKey,
  readVerifier,
  signingKeyPath,
  verifiersOf,
  verifyTrail,
  type Verifier,
} from '../audit/index.ts'
import type { Db } from '../platform/db.ts'
import { faultText, soundText } from './audit-words.ts'
import { withDatabase, type Place } from './database.ts'
import { exits } from './exits.ts'
import { branch, leaf, type Common, type Group } from './group.ts'
import { openOutput } from './output.ts'
import { print } from './print.ts'
import { Stop } from './stop.ts'
import { inWords, type Sentence } from './words.ts'

export const audit: Group = (program) => {
  const group = branch(program, 'audit', 'the audit trail and its seals')
  leaf(group, 'verify', 'compute every hash and signature of the trail again; changes nothing')
    .option('--checkpoint <file>', 'a checkpoint that was kept elsewhere: the log must extend it')
    .option('--key <key>', 'believe this public key only (may be repeated)', collectKeys)
    .action(verify)
  leaf(group, 'checkpoint', 'the newest signed checkpoint; keep it elsewhere').action(checkpoint)
  leaf(group, 'key', 'the public key that checkpoints are signed with; keep it elsewhere').action(key)
  leaf(group, 'export', 'write the sealed log to a file, for scripts/verify-audit.mjs or another verifier')
    .argument('<file>', 'is created; must not be there yet')
    .action(exportTo)
  leaf(group, 'prove', 'prove that an act is in the log, or that the log extends a kept checkpoint')
    .argument('[event]', 'the id of the act, as audit_events has it', readId)
    .option('--since <file>', 'the kept checkpoint')
    .action(prove)
}

function collectKeys(text: string, before: readonly Verifier[] = []): readonly Verifier[] {
  const verifier = readVerifier(text)
  if (verifier !== undefined) return [...before, verifier]
  throw new InvalidArgumentError('A public key as cauri audit key prints it is needed.')
}

function readId(text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError('The id of an act is a whole number.')
}

/** Our own key and its predecessors: what this machine believes, wherever the database is. */
async function ownVerifiers(db: Db, { config }: Place): Promise<Verifier[]> {
  const verifiers = verifiersOf(await originOf(db), readSigningKey(config), config.AUDIT_FORMER_KEYS)
  if (verifiers.length > 0) return verifiers
  const path = signingKeyPath(config)
  throw new Stop(exits.failed, {
    en: `there is no key in ${path} yet: start Cauri once, or give --key or AUDIT_SIGNING_KEY`,
    fr: `il n’y a pas encore de clé dans ${path} : démarrez Cauri une fois, ou donnez --key ou AUDIT_SIGNING_KEY`,
  })
}

async function readNote(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new Stop(exits.usage, { en: why, fr: why })
  })
}

type VerifyOptions = Common & { readonly checkpoint?: string; readonly key?: readonly Verifier[] }

async function verify(options: VerifyOptions): Promise<void> {
  const kept = options.checkpoint === undefined ? {} : { kept: await readNote(options.checkpoint) }
  const report = await withDatabase(async (db, place) =>
    verifyTrail(db, { verifiers: options.key ?? (await ownVerifiers(db, place)), ...kept }),
  )
  const ok = report.faults.length === 0
  print(options, { ok, ...report, root: report.root.toString('base64') }, () =>
    ok ? soundText(report) : faultText(report.faults),
  )
  if (!ok) process.exitCode = exits.breaches
}

const NOTHING_SEALED: Sentence = {
  en: 'nothing is sealed yet: the worker seals each second',
  fr: 'rien n’est encore scellé : le worker scelle chaque seconde',
}

async function checkpoint(options: Common): Promise<void> {
  const newest = await withDatabase((db) => newestCheckpoint(db))
  if (newest === undefined) throw new Stop(exits.failed, NOTHING_SEALED)
  const { size, root, note, sealed_at } = newest
  const view = { size, root: root.toString('base64'), sealed_at: sealed_at.toISOString(), checkpoint: note }
  print(options, view, () => note.trimEnd())
}

async function key(options: Common): Promise<void> {
  const [now, ...former] = (await withDatabase(ownVerifiers)).map(({ vkey }) => vkey)
  print(options, { key: now, former_keys: former }, () => [now, ...former].join('\n'))
}

async function exportTo(path: string, options: Common): Promise<void> {
  const done = await withDatabase(async (db, place) => {
    const verifiers = await ownVerifiers(db, place)
    const output = await openOutput(path)
    try {
      return await exportTrail(db, verifiers, output.write)
    } finally {
      await output.close()
    }
  })
  print(options, { file: path, ...done }, () =>
    inWords({
      en: `${done.size} acts and ${done.checkpoints} checkpoints are in ${path}.`,
      fr: `${done.size} actes et ${done.checkpoints} points de contrôle sont dans ${path}.`,
    }),
  )
}

/** What is printed is one JSON document either way: `scripts/verify-audit.mjs --proof` reads it. */
async function prove(
  event: bigint | undefined,
  options: Common & { readonly since?: string },
): Promise<void> {
  if ((event === undefined) === (options.since === undefined))
    throw new Stop(exits.usage, {
      en: 'name an act, or a kept checkpoint with --since',
      fr: 'nommez un acte, ou un point de contrôle gardé avec --since',
    })
  const proof =
    event === undefined
      ? await consistency(options.since ?? '')
      : await withDatabase((db) => inclusion(db, event))
  process.stdout.write(`${JSON.stringify(proof, null, 2)}\n`)
}

const inBase64 = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('base64'))

async function inclusion(db: Db, event: bigint): Promise<object> {
  const proof = await proveInclusion(db, event)
  if (proof === undefined)
    throw new Stop(exits.failed, {
      en: `act ${event} does not exist, or is not sealed yet`,
      fr: `l’acte ${event} n’existe pas, ou n’est pas encore scellé`,
    })
  return { kind: 'inclusion', ...proof, hashes: inBase64(proof.hashes) }
}

async function consistency(path: string): Promise<object> {
  const older = await readNote(path)
  const said = readCheckpoint(older)
  if (said === undefined)
    throw new Stop(exits.usage, {
      en: `${path} does not hold a signed checkpoint`,
      fr: `${path} ne contient pas de point de contrôle signé`,
    })
  const proof = await withDatabase((db) => proveConsistency(db, said.size))
  if (proof === undefined)
    throw new Stop(exits.breaches, {
      en: `the log does not reach ${said.size} acts: its end was cut off, or it is another log`,
      fr: `le journal n’atteint pas ${said.size} actes : sa fin a été coupée, ou c’est un autre journal`,
    })
  return { kind: 'consistency', older, ...proof, hashes: inBase64(proof.hashes) }
}
