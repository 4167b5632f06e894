/** A table is named in SQL only by the module whose name it carries. Part of check-imports.mjs. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { lineAt } from './source.mjs'

const STATEMENT =
  /^\s*(select|insert|update|delete|copy|create|alter|drop|truncate|with|lock|listen|notify|call|refresh|analyze|vacuum|comment|grant|revoke)\b/i
const NAMED =
  /(?<!\bdistinct\s+)\b(from|join|into|update|table|truncate|only|using|copy|lock|view|on|references|sequence|trigger|function|listen|notify)\s+(?:if\s+(?:not\s+)?exists\s+)?(?:public\.)?([a-z_][a-z0-9_]*)/gi
const CREATED =
  /\bcreate\s+(?:or\s+replace\s+)?(?:unlogged\s+|materialized\s+)*(table|view|function|procedure|sequence|type)\s+(?:if\s+not\s+exists\s+)?(?:public\.)?([a-z_][a-z0-9_]*)/gi

/** Comments and quoted strings out (same length), bodies in $$ stay. */
export const sqlOnly = (text) =>
  text.replace(/--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g, (run) => run.replace(/[^\n]/g, ' '))

/** Every fault as `{ file, line, message }`. */
export function tableFaults({ root, architecture, sources, moduleOf, may, isTest, filesBelow }) {
  const modules = Object.keys(architecture.modules)
  const ownerOf = (name) => modules.find((module) => name.startsWith(`${module}_`))
  const migrations = filesBelow('migrations', /\.sql$/).map((file) => ({
    file,
    text: sqlOnly(readFileSync(join(root, file), 'utf8')),
  }))
  const created = new Set(
    migrations.flatMap(({ text }) => [...text.matchAll(CREATED)].map((match) => match[2].toLowerCase())),
  )
  const faults = []

  /** `text` is SQL whose first character stands at `start` of the file's whole text. */
  function check(file, module, whole, text, start) {
    const inMigration = file.startsWith('migrations/')
    for (const { name, position, at } of namesIn(text, created)) {
      const owner = ownerOf(name)
      if (owner === undefined || owner === module) continue
      if (name.startsWith(`${owner}_public_`) && may(module, owner)) continue
      if ((architecture.open_sql[owner] ?? []).includes(name) && may(module, owner)) continue
      if (inMigration && position === 'references' && may(module, owner)) continue
      faults.push({
        file,
        line: lineAt(whole, start + at),
        message: `${module} names ${name}, which belongs to ${owner}`,
      })
    }
  }

  for (const { file, text } of migrations) {
    const module = modules.find((name) => new RegExp(`^\\d{4}_${name}([_.-]|$)`).test(basename(file)))
    if (module === undefined)
      faults.push({ file, line: 1, message: 'the file is not named NNNN_<module>.sql' })
    else check(file, module, text, text, 0)
  }
  for (const { file, text, literals } of sources) {
    const module = moduleOf(file)
    if (module === undefined || isTest(file)) continue
    for (const literal of literals)
      if (literal.tag === 'sql' || STATEMENT.test(literal.text))
        check(file, module, text, sqlOnly(literal.text), literal.start + 1)
  }
  return faults
}

/** Names in the place of a table, and every name that a migration creates, once per place. */
function namesIn(text, created) {
  const found = new Map()
  for (const match of text.matchAll(/[a-z_][a-z0-9_]*/gi))
    if (created.has(match[0].toLowerCase()))
      found.set(match.index, { name: match[0].toLowerCase(), position: '' })
  for (const match of text.matchAll(NAMED))
    found.set(match.index + match[0].length - match[2].length, {
      name: match[2].toLowerCase(),
      position: match[1].toLowerCase(),
    })
  return [...found].map(([at, { name, position }]) => ({ at, name, position }))
}
