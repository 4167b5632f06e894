import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { expect, onTestFinished, test } from 'vitest'
import { commandOf, readArgs } from './args.ts'
import { addToRecord, readRecord, totalOf } from './record.ts'
import type { Result } from './result.ts'

const result = (more: Partial<Result> = {}): Result => ({
  campaign: 'processes',
  seed: 7,
  runs: 300,
  seconds: 60.4,
  faults: { 'worker: frozen': 2, 'rail: killed': 1 },
  covered: { 'claim.committed (calm)': 1 },
  figures: { kills: 300, 'kills a minute': 12.5, seeds_per_s: 900, stopped_max_ms: 700 },
  verdict: { twice: 0, lost: 0, stuck: 0, invariants: 0 },
  wrong: [],
  ...more,
})

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'cauri-record-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

test('runs are kept in order, each with its day and command, and a campaign’s runs add up', () => {
  const path = folder()
  addToRecord(result(), 'first', path, new Date('2026-11-23T01:00:00Z'))
  const second = result({
    seed: 8,
    runs: 200,
    faults: { 'worker: frozen': 3 },
    figures: { kills: 200, 'kills a minute': 10, seeds_per_s: 700, stopped_max_ms: 650 },
    verdict: { twice: 0, lost: 1, stuck: 0, invariants: 0 },
    wrong: ['lost: a line'],
  })
  addToRecord(second, 'second', path, new Date('2026-11-24T01:00:00Z'))
  const kept = readRecord(join(path, 'record.json'))
  expect(kept.map(({ date, command, seed }) => [date, command, seed])).toEqual([
    ['2026-11-23', 'first', 7],
    ['2026-11-24', 'second', 8],
  ])
  expect(totalOf(kept)).toMatchObject({
    times: 2,
    runs: 500,
    faults: { 'worker: frozen': 5, 'rail: killed': 1 },
    covered: { 'claim.committed (calm)': 2 },
    figures: { kills: 500, 'kills a minute': 10, seeds_per_s: 700, stopped_max_ms: 700 },
    verdict: { twice: 0, lost: 1, stuck: 0, invariants: 0 },
    wrong: 1,
  })
})

test('what several runs reached is counted once, and shares of several runs are not added up', () => {
  const path = folder()
  const figures = { 'crash points': 36, 'crash points reached': 1, places: 2, goodput_percent: 60 }
  const covered = { 'claim.committed (calm)': 1, 'claim.committed (rail)': 1, 'lease.taken (calm)': 0 }
  addToRecord(result({ figures, covered }), 'first', path)
  const more = { 'claim.committed (calm)': 1, 'lease.taken (calm)': 1 }
  addToRecord(result({ figures: { ...figures, goodput_percent: 81 }, covered: more }), 'second', path)
  expect(totalOf(readRecord(join(path, 'record.json'))).figures).toEqual({
    'crash points': 36,
    'crash points reached': 2,
    places: 3,
    goodput_percent: 81,
  })
})

test('the page is made anew from the record, and is as prettier would write it', async () => {
  const path = folder()
  addToRecord(result(), 'npm run prove -- large --seed 7', path)
  addToRecord(result({ campaign: 'simulation', figures: {}, runs: 100_000 }), 'other', path)
  const page = readFileSync(join(path, 'record.md'), 'utf8')
  expect(page).toContain('`npm run prove -- large --seed 7`')
  expect(page).toContain('## simulation')
  const options = await resolveConfig(join(import.meta.dirname, '..', 'docs', 'proof.md'))
  expect(await format(page, { ...options, parser: 'markdown' })).toBe(page)
})

test('a file that is not a record is not overwritten', () => {
  const path = folder()
  writeFileSync(join(path, 'record.json'), '{"something": "else"}')
  expect(() => addToRecord(result(), 'command', path)).toThrow('is not a record of runs')
  expect(readFileSync(join(path, 'record.json'), 'utf8')).toBe('{"something": "else"}')
})

test('the command line is read, and the command that is printed does the same again', () => {
  const asked = readArgs([
    'large',
    '--only',
    'processes,simulation',
    '--seed',
    '42',
    '--kills',
    '50',
    '--resume',
  ])
  expect(asked).toMatchObject({ size: 'large', only: ['processes', 'simulation'], seed: 42, resume: true })
  expect([asked.runs.processes, asked.postgres_kills, asked.runs.simulation]).toEqual([50, 5, 100_000])
  const command = commandOf(asked, 'processes')
  expect(command).toBe('npm run prove -- large --only processes --seed 42 --kills 50 --postgres-kills 5')
  const again = readArgs(command.split(' ').slice(4))
  expect({ ...again, only: [], resume: true }).toEqual({ ...asked, only: [] })
  for (const wrong of [['huge'], ['--only', 'nothing'], ['--seed', 'x'], ['--kills'], ['small', 'large']])
    expect(() => readArgs(wrong), wrong.join(' ')).toThrow('usage')
})
