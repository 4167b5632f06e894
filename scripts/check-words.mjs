/**
 * What no file of the repository may contain: paths of somebody's machine, addresses of package registries, names of
 * unfinished work; and Markdown links that lead nowhere. Usage: node scripts/check-words.mjs [folder].
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'

const root = resolve(process.argv[2] ?? '.')

/** Bracketed letters keep the patterns from finding themselves. */
const ABSENT = [
  { pattern: /\/(?:wor[k]|roo[t]|hom[e]\/\w+|User[s]\/\w+)\//, why: 'a path of one machine' },
  {
    pattern: /(?<![\w/])share[d]\/(?:design|specs|seeds|data)\b/,
    why: 'a file that is not in this repository',
  },
  {
    pattern: /\b(?:spec[s]\/[\w-]+\.md|desig[n]\.md|house-styl[e])/,
    why: 'a document that is not in this repository',
  },
  {
    pattern: /\bhttps?:\/\/[^\s"'/]*(?:registr[y]|artifactor[y]|verdacci[o]|jfro[g])/i,
    why: 'a package registry',
  },
  { pattern: /^\s*"resolve[d]":/, only: /package-lock\.json$/, why: 'a package registry' },
  { pattern: /\b(?:TOD[O]|FIXM[E]|HAC[K]|WI[P])\b/, why: 'unfinished work' },
  {
    pattern: /\b(?:not implemente[d]|not yet implemente[d]|for no[w]\b|lorem ipsu[m])/i,
    not: /\.md$/,
    why: 'unfinished work',
  },
  { pattern: /\bissue\s+#?\d+\b/i, why: 'a number that means nothing to the reader' },
]
const BINARY = /\.(?:png|jpe?g|gif|ico|pdf|ttf|woff2?|xlsx|zip|gz)$/

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && !BINARY.test(file) && existsSync(join(root, file)))

const faults = files.flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8')
  return [...wordFaults(file, text), ...(file.endsWith('.md') ? linkFaults(file, text) : [])]
})
for (const fault of faults) console.log(fault)
if (faults.length > 0) process.exitCode = 1

function wordFaults(file, text) {
  const rules = ABSENT.filter(({ only, not }) => (only?.test(file) ?? true) && !(not?.test(file) ?? false))
  return text.split('\n').flatMap((line, i) =>
    rules.flatMap(({ pattern, why }) => {
      const found = pattern.exec(line)
      return found ? [`${file}:${i + 1}  “${found[0].trim()}”: ${why}`] : []
    }),
  )
}

/** Relative links of a Markdown file, outside its code blocks, must lead to a file. */
function linkFaults(file, text) {
  const prose = text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ''))
  return prose.split('\n').flatMap((line, i) =>
    [...line.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)]
      .map((match) => match[1])
      .filter(
        (target) =>
          !/^[a-z]+:/i.test(target) && !existsSync(join(root, normalize(join(dirname(file), target)))),
      )
      .map((target) => `${file}:${i + 1}  the link to ${target} leads nowhere`),
  )
}
