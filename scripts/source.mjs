/**
 * Reads TypeScript just well enough for the checks: what is code, what is a comment, what is a literal. (The compiler
 * that we use has no programming interface, and a parser would be one more dependency.)
 */

const REGEX_MAY_FOLLOW =
  /(^|[(,=:[!&|?{};+\-*%<>~^]|=>|\b(return|typeof|case|in|of|do|else|void|delete|throw|await|yield))\s*$/

/**
 * Answers the text with comments and the insides of literals blanked (same length, same lines), and the literals:
 * `{ start, text, tag }`: character i of `text` is character start + 1 + i of the source; a template's expressions are
 * `$` and spaces; its tag is the word before it.
 */
export function readSource(text) {
  const source = { text, out: text.split(''), literals: [] }
  readCode(source, 0, false)
  return { code: source.out.join(''), literals: source.literals }
}

/** Reads code from `at` to the end, or to the brace that closes a template's expression; answers where it stopped. */
function readCode(source, at, inTemplate) {
  const { text } = source
  let depth = 0
  while (at < text.length) {
    const one = text[at]
    if (inTemplate && one === '}' && depth === 0) return at
    if (one === '{') depth++
    if (one === '}') depth--
    if (text.startsWith('//', at)) at = blank(source, at, endOf(text, '\n', at))
    else if (text.startsWith('/*', at)) at = blank(source, at, endOf(text, '*/', at + 2) + 2)
    else if (one === "'" || one === '"') at = readString(source, at, one)
    else if (one === '`') at = readTemplate(source, at)
    else if (one === '/' && REGEX_MAY_FOLLOW.test(before(source, at))) at = readRegex(source, at)
    else at++
  }
  return at
}

function readString(source, start, quote) {
  const { text } = source
  let at = start + 1
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  source.literals.push({ start, text: text.slice(start + 1, at), tag: '' })
  return blank(source, start + 1, at) + 1
}

function readTemplate(source, start) {
  const { text } = source
  const tag = /([\w$]+)\s*(?:<[^`]*>)?\s*$/.exec(before(source, start))?.[1] ?? ''
  const literal = { start, text: '', tag }
  source.literals.push(literal)
  let at = start + 1
  let from = at
  while (at < text.length && text[at] !== '`') {
    if (text.startsWith('${', at)) {
      literal.text += text.slice(from, at)
      blank(source, from, at)
      const end = readCode(source, at + 2, true) + 1
      literal.text += `$${text.slice(at + 1, end).replace(/[^\n]/g, ' ')}`
      at = from = end
    } else at += text[at] === '\\' ? 2 : 1
  }
  literal.text += text.slice(from, at)
  return blank(source, from, at) + 1
}

function readRegex(source, start) {
  const { text } = source
  let at = start + 1
  let inSet = false
  while (at < text.length && text[at] !== '\n' && (inSet || text[at] !== '/')) {
    if (text[at] === '[') inSet = true
    if (text[at] === ']') inSet = false
    at += text[at] === '\\' ? 2 : 1
  }
  return blank(source, start + 1, at) + 1
}

const before = ({ out }, at) => out.slice(Math.max(0, at - 40), at).join('')

function endOf(text, mark, from) {
  const found = text.indexOf(mark, from)
  return found === -1 ? text.length : found
}

function blank({ out }, from, to) {
  for (let i = from; i < Math.min(to, out.length); i++) if (out[i] !== '\n') out[i] = ' '
  return to
}

/** The imports of a source: `{ specifier, at, names }`; names is `['*']` for a namespace, `[]` for none. */
export function readImports({ code, literals }) {
  const byStart = new Map(literals.map((literal) => [literal.start, literal.text]))
  const found = []
  const add = (match, clause) => {
    const start = match.index + match[0].length - 1
    found.push({ specifier: byStart.get(start) ?? '', at: start, names: namesOf(clause) })
  }
  const from = /\b(?:import|export)\b((?:(?!\b(?:import|export)\b)[^'"`;()])*?)\bfrom\s*['"]/g
  for (const match of code.matchAll(from)) add(match, match[1] ?? '')
  for (const match of code.matchAll(/\bimport\s*\(?\s*['"]/g)) add(match, '*')
  return found
}

function namesOf(clause) {
  const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  const names = braces
    .split(',')
    .map(
      (part) =>
        part
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)[0] ?? '',
    )
    .filter((name) => name !== '')
  const rest = clause
    .replace(/\{[^}]*\}/, '')
    .replace(/^\s*type\b/, '')
    .trim()
  return rest.replace(/,$/, '') === '' ? names : [...names, '*']
}

/** The line (from 1) of an offset. */
export const lineAt = (text, at) => text.slice(0, at).split('\n').length
