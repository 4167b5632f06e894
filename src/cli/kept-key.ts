import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../platform/config.ts'
import { exits } from './exits.ts'
import { Stop } from './stop.ts'

/** The sandbox's own key, which its first start has made. */
export async function keptKey(config: Config): Promise<string> {
  const path = join(config.home, 'secret-key')
  const key = await readFile(path, 'utf8').catch(() => '') // whatever the reason, the answer is the same
  if (key.trim() !== '') return key.trim()
  throw new Stop(exits.failed, {
    en: `there is no key in ${path} yet: start Cauri once, or set SECRET_KEY`,
    fr: `il n’y a pas encore de clé dans ${path} : démarrez Cauri une fois, ou donnez SECRET_KEY`,
  })
}
