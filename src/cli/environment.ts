import { existsSync } from 'node:fs'
import { env, loadEnvFile } from 'node:process'

/** The environment, with what `.env` of this folder adds: the same as `start` reads. */
export function readEnvironment(): NodeJS.ProcessEnv {
  if (existsSync('.env')) loadEnvFile('.env')
  return env
}
