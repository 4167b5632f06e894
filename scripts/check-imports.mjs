/**
 * Holds architecture.json: who may import whom and through which door, no cycle between files, which names, packages
 * and calls are absent where, and that a table is named in SQL only by the module whose name it carries.
 * Usage: node scripts/check-imports.mjs [folder]. Plain JavaScript, any Node from 20.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { lineAt, readImports, readSource } from './source.mjs'
import { tableFaults } from './table-owners.mjs'

const root = resolve(process.argv[2] ?? '.')
const architecture = JSON.parse(readFileSync(join(root, 'architecture.json'), 'utf8'))
const faults = []
const fault = (file, line, message) => faults.push({ file, line, message })

/** Every file below a folder, as paths relative to the root with forward slashes. */
function filesBelow(folder, extension) {
  const full = join(root, folder)
  if (!existsSync(full)) return []
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) =>
      relative(root, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .filter((path) => !path.includes('node_modules/'))
    .sort()
}

const isTest = (file) => file.endsWith('.test.ts')

/** `src/bulk/file/parse.ts` belongs to bulk; `src/app.ts` to app; a file outside src to nobody. */
function moduleOf(file) {
  const [top, second, ...rest] = file.split('/')
  if (top !== 'src' || second === undefined) return undefined
  return rest.length === 0 ? second.replace(/\.ts$/, '') : second
}

/** The path of a file inside its module: `file/parse.ts`. */
const insideModule = (file) => file.split('/').slice(2).join('/')

/** `*` stands for one path segment's characters, `**` for anything. */
const matches = (path, pattern) =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*\*|\*/g, (star) => (star === '**' ? '.*' : '[^/]*'))}$`,
  ).test(path)

const isDoor = (module, file) =>
  insideModule(file) === '' ||
  (architecture.modules[module].doors ?? ['index.ts']).some((pattern) => matches(insideModule(file), pattern))

const may = (from, to) => {
  const list = architecture.modules[from]?.may ?? []
  return from === to || list.includes('*') || list.includes(to)
}

const sources = [
  ...filesBelow('src', /\.tsx?$/),
  ...architecture.apart.folders.flatMap((f) => filesBelow(f, /\.tsx?$/)),
].map((file) => {
  const text = readFileSync(join(root, file), 'utf8')
  const source = readSource(text)
  return { file, text, ...source, imports: readImports(source) }
})

for (const source of sources) {
  const from = moduleOf(source.file)
  if (from !== undefined && !architecture.modules[from]) {
    fault(source.file, 1, `“${from}” is not a module of architecture.json`)
    continue
  }
  for (const one of source.imports) {
    const line = lineAt(source.text, one.at)
    if (one.specifier.startsWith('.')) checkOwn(source.file, from, { ...one, line })
    else checkPackage(source.file, from, { ...one, line })
  }
  if (from !== undefined && !isTest(source.file)) checkAbsences(source, from)
}
checkCycles()
faults.push(...tableFaults({ root, architecture, sources, moduleOf, may, isTest, filesBelow }))

faults.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
for (const { file, line, message } of faults) console.log(`${file}:${line}  ${message}`)
if (faults.length > 0) {
  console.log(`${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} against architecture.json`)
  process.exitCode = 1
}

function targetOf(file, specifier) {
  return posix.normalize(posix.join(dirname(file).split(sep).join('/'), specifier))
}

function checkOwn(file, from, { specifier, names, line }) {
  const target = targetOf(file, specifier)
  const to = moduleOf(target)
  if (from === undefined) {
    if (to !== undefined)
      fault(file, line, `${file.split('/')[0]} imports nothing of src/: ${architecture.apart.why}`)
    return
  }
  if (to === undefined) {
    if (!isTest(file) && !target.endsWith('.json'))
      fault(file, line, `src/ imports nothing outside src/: ${target}`)
    return
  }
  if (!architecture.modules[to]) return fault(file, line, `“${to}” is not a module of architecture.json`)
  if (from === to) return
  const importers = architecture.modules[to].importers
  if (!isTest(file) && importers && !importers.includes(from))
    return fault(file, line, `nothing but ${importers.join(', ') || 'the command line'} may import ${to}`)
  if (!isTest(file) && !may(from, to)) return fault(file, line, `${from} may not import ${to}`)
  if (!isDoor(to, target))
    fault(file, line, `past the door of ${to}: import its index.ts, not ${insideModule(target)}`)
  if (!isTest(file)) checkNames(file, from, { target, names, line })
}

function checkNames(file, from, { target, names, line }) {
  for (const rule of architecture.names) {
    if (rule.in !== from || target !== `src/${rule.from}`) continue
    const beyond = names.filter((name) => !rule.only.includes(name))
    if (beyond.length > 0) fault(file, line, `${beyond.join(', ')} of ${rule.from}: ${rule.why}`)
  }
}

function checkPackage(file, from, { specifier, line }) {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const allowed = architecture.packages[name]
  if (from === undefined || allowed === undefined || isTest(file) || allowed.includes(from)) return
  fault(file, line, `the package ${name} is imported by ${allowed.join(', ')} only`)
}

function checkAbsences({ file, text, code }, from) {
  const path = file.slice('src/'.length)
  for (const rule of architecture.absences) {
    if (!rule.in.includes('*') && !rule.in.includes(from)) continue
    if (
      (rule.except ?? []).some((start) => path === start || (start.endsWith('/') && path.startsWith(start)))
    )
      continue
    for (const match of code.matchAll(new RegExp(rule.pattern, 'g')))
      fault(file, lineAt(text, match.index), `${match[0]}: ${rule.why}`)
  }
}

/** Reports each group of files that import one another in a circle, once (Tarjan's strongly connected components). */
function checkCycles() {
  const known = new Map(sources.map((source) => [source.file, source]))
  const index = new Map()
  const low = new Map()
  const stack = []
  const visit = (file) => {
    index.set(file, index.size)
    low.set(file, index.get(file))
    stack.push(file)
    for (const { specifier } of known.get(file).imports) {
      const target = specifier.startsWith('.') ? targetOf(file, specifier) : ''
      if (!known.has(target)) continue
      if (!index.has(target)) visit(target)
      if (stack.includes(target)) low.set(file, Math.min(low.get(file), low.get(target)))
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file)).toSorted((a, b) => a.localeCompare(b))
    if (circle.length > 1) fault(circle[0], 1, `a cycle of imports: ${circle.join(' ↔ ')}`)
  }
  for (const { file } of sources) if (!index.has(file)) visit(file)
}
