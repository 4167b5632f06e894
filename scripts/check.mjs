/**
 * Everything that is checked without running the product, side by side: `npm run check [part …]`.
 * One line per part with its time; below it, what it found. Plain JavaScript: any Node from 20 can start it, the parts
 * run on the pinned one.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const pinned = join(root, 'node_modules', '.bin', 'node')
const node = existsSync(pinned) ? pinned : process.execPath
const tool = (...path) => join(root, 'node_modules', ...path)

const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env

/** The slow ones first. */
const parts = {
  lint: [tool('oxlint', 'bin', 'oxlint'), '--format=unix'],
  format: [tool('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level=warn', '--cache', '.'],
  types: [
    tool('typescript', 'bin', 'tsc'),
    '--noEmit',
    '--pretty',
    'false',
    '--incremental',
    '--tsBuildInfoFile',
    tool('.cache', 'types.tsbuildinfo'),
  ],
  docs: [join(root, 'scripts', 'docs.ts'), '--check'],
  imports: [join(root, 'scripts', 'check-imports.mjs')],
  words: [join(root, 'scripts', 'check-words.mjs')],
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}. The parts are ${Object.keys(parts).join(', ')}`)
  process.exit(2)
}
if (!existsSync(tool('typescript'))) {
  console.error('the tools are not installed: run npm ci')
  process.exit(2)
}

const started = performance.now()
const names = asked.length > 0 ? asked : Object.keys(parts)
const results = await Promise.all(names.map(runPart))
const failed = names.filter((_, i) => !results[i])
const verdict = failed.length === 0 ? 'all in order' : `not in order: ${failed.join(', ')}`
console.log(`check: ${verdict} (${seconds(started)})`)
if (failed.length > 0) process.exitCode = 1

/** Runs one part, prints its line and what it found, and answers whether it is in order. */
function runPart(name) {
  const begun = performance.now()
  return new Promise((resolve) => {
    const child = spawn(node, parts[name], { cwd: root, env })
    const said = []
    child.stdout.on('data', (chunk) => said.push(chunk))
    child.stderr.on('data', (chunk) => said.push(chunk))
    child.on('error', (error) => said.push(Buffer.from(error.message)))
    child.on('close', (status) => {
      console.log(`${status === 0 ? 'ok  ' : 'FAIL'}  ${name.padEnd(8)} ${seconds(begun)}`)
      const text = Buffer.concat(said).toString().trim()
      if (status !== 0) console.log(text.replace(/^/gm, '      '))
      resolve(status === 0)
    })
  })
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
