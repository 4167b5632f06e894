import { expect, test } from 'vitest'
import { figure } from './figure.ts'
import { recorded, reportOf } from './report.ts'

const figures = [
  figure({
    id: 'G1',
    what: 'bulk',
    unit: '/s',
    better: 'higher',
    samples: [2],
    limit: { samples: [4], how: 'bare' },
  }),
]
const report = reportOf({
  load_before: [0.5, 1, 2],
  command: 'npm run bench',
  minutes: 12.3,
  figures,
  broken: [],
})
const BEGIN = '<!-- bench: written by npm run bench -- --record -->'
const END = '<!-- bench: end -->'
const PARTS = '<!-- bench parts: written by npm run bench -- … --record -->'
const PARTS_END = '<!-- bench parts: end -->'

test('a run says where it was made', () => {
  expect(report.node).toBe(process.versions.node)
  expect(report.postgres).toMatch(/^\d+(\.\d+)?$/)
  expect(report.cores).toBeGreaterThan(0)
  expect(report.load_after).toHaveLength(3)
})

const page = `# Title\n\n${BEGIN}\n\nold\n\n${END}\n\nBetween.\n\n${PARTS}\n\nolder\n\n${PARTS_END}\n\nAfter.\n`

test('the table goes between its marks, in place of the one before, and nowhere else', () => {
  const once = recorded(page, report, 'whole')
  expect(once).toContain('| G1  | bulk   | 2 /s     | 4 /s  | 0.50  |     | for information |')
  expect(once).toContain('load 0.50 1.00 2.00 before')
  expect(once).not.toContain('old')
  expect(once.startsWith(`# Title\n\n${BEGIN}\n\n\`npm run bench\``)).toBe(true)
  expect(once.endsWith(`\n\n${PARTS}\n\nNone.\n\n${PARTS_END}\n\nAfter.\n`)).toBe(true)
  expect(recorded(once, report, 'whole')).toBe(once)
})

test('parts that are run again leave the whole run where it is', () => {
  const once = recorded(page, report, 'parts')
  expect(
    once.startsWith(`# Title\n\n${BEGIN}\n\nold\n\n${END}\n\nBetween.\n\n${PARTS}\n\n\`npm run bench\``),
  ).toBe(true)
  expect(once).not.toContain('older')
})

test.each([['# none'], [`${END}\n${BEGIN}`], [BEGIN]])(
  'a page without a place for it is refused: %s',
  (page) => {
    expect(() => recorded(page, report, 'whole')).toThrow('no place')
  },
)
