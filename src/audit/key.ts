import { hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../platform/config.ts'
import { keyFromSeed } from './note.ts'

type KeyConfig = Pick<Config, 'CAURI_MODE' | 'AUDIT_SIGNING_KEY' | 'SECRET_KEY' | 'home'>

/** Where the sandbox keeps the private key of its trail: 32 bytes in base64, readable by its user only. */
export const signingKeyPath = (config: Pick<Config, 'home'>): string => join(config.home, 'audit-signing-key')

/**
 * The key that signs checkpoints: AUDIT_SIGNING_KEY; else in production one made from SECRET_KEY (HKDF, RFC 5869), so
 * that all processes have the same; else the sandbox's own. Undefined when that one was never made.
 */
export function readSigningKey(config: KeyConfig): KeyObject | undefined {
  if (config.AUDIT_SIGNING_KEY !== undefined)
    return keyFromSeed(Buffer.from(config.AUDIT_SIGNING_KEY, 'base64'))
  if (config.CAURI_MODE === 'production' && config.SECRET_KEY !== undefined)
    return keyFromSeed(Buffer.from(hkdfSync('sha256', config.SECRET_KEY, '', 'cauri audit signing key', 32)))
  const kept = Buffer.from(readOrEmpty(signingKeyPath(config)), 'base64')
  return kept.length === 32 ? keyFromSeed(kept) : undefined
}

/** The same; the sandbox's own is made where there is none. Of several processes at once, all get the same one. */
export function openSigningKey(config: KeyConfig): KeyObject {
  const key = readSigningKey(config)
  if (key !== undefined) return key
  const path = signingKeyPath(config)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  mkdirSync(config.home, { recursive: true })
  writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, path) // all or nothing, and never over another one
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    rmSync(draft)
  }
  const made = readSigningKey(config)
  if (made === undefined) throw new Error(`${path} does not hold a key: 32 bytes in base64`)
  return made
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // Not made yet. A key that is there and cannot be read must not be taken for that.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
