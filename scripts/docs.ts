/**
 * Writes docs/reference/ and .env.example from their sources: the table of refusals, the schema of the configuration,
 * the migrations, the routes. `--check` writes nothing and fails when a file differs. Run by the pinned Node.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { apiPages, readApi } from './pages/api.ts'
import { authorizationPages } from './pages/authorization.ts'
import { configPages } from './pages/config.ts'
import { databasePages } from './pages/database.ts'
import { errorPages } from './pages/errors.ts'
import { invariantPages } from './pages/invariants.ts'
import type { Page } from './pages/page.ts'

const root = join(import.meta.dirname, '..')
const checking = process.argv.includes('--check')

const api = await readApi()
const pages: readonly Page[] = [
  ...errorPages(),
  ...configPages(),
  ...databasePages(root),
  ...invariantPages(),
  ...apiPages(api),
  ...authorizationPages(api),
]
const stale = pages.filter(({ path, text }) => readOrEmpty(join(root, path)) !== text)
for (const { path, text } of stale) {
  if (checking) console.error(`${path} is not what its source says: run npm run docs`)
  else {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}
if (checking && stale.length > 0) process.exitCode = 1

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not there yet: it differs from every page
  }
}
