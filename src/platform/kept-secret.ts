import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'

/** SECRET_KEY; the sandbox without one has a key of its own, made once and kept where only its user reads. */
export function secretOf(config: Pick<Config, 'SECRET_KEY' | 'home'>): string {
  if (config.SECRET_KEY !== undefined) return config.SECRET_KEY
  const path = join(config.home, 'secret-key')
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('base64'), { mode: 0o600 })
  return readFileSync(path, 'utf8').trim()
}
