import { env, stderr } from 'node:process'
import type { Progress } from './follow.ts'
import { inWords } from './words.ts'

export type Bar = {
  readonly show: (now: Progress) => void
  /** Leaves the last line standing. */
  readonly end: () => void
}

const WIDTH = 24
const PLAIN_EVERY_MS = 1_000

/** Progress on standard error: one line that changes, or plain lines where nobody watches (no terminal, NO_COLOR). */
export function openBar(): Bar {
  const live = stderr.isTTY && (env['NO_COLOR'] ?? '') === ''
  let last = ''
  let shown_at = -PLAIN_EVERY_MS
  const plain = (now: Progress): void => {
    const text = textOf(now)
    const at = performance.now()
    if (text === last || (now.progress_percent < 100 && at - shown_at < PLAIN_EVERY_MS)) return
    last = text
    shown_at = at
    stderr.write(`${text}\n`)
  }
  return {
    show: live
      ? (now) => void stderr.write(`\r\u001b[2K${barOf(now)} ${textOf(now)}`.slice(0, lineWidth()))
      : plain,
    end: () => void (live && stderr.write('\n')),
  }
}

/** A line that wraps could not be written over. The two control sequences take five characters of no width. */
const lineWidth = (): number => (stderr.columns > 0 ? stderr.columns : 80) + 4

function barOf({ progress_percent }: Progress): string {
  const full = Math.floor((progress_percent / 100) * WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`
}

/** `45.00 % · 45/100 · 43 paid · 2 failed`; what is zero is left out. */
export function textOf(now: Progress): string {
  const counts = [
    [now.completed, inWords({ en: 'paid', fr: now.completed > 1 ? 'payés' : 'payé' })],
    [now.failed, inWords({ en: 'failed', fr: 'en échec' })],
    [now.cancelled, inWords({ en: 'cancelled', fr: now.cancelled > 1 ? 'annulés' : 'annulé' })],
    [now.uncertain, inWords({ en: 'uncertain', fr: now.uncertain > 1 ? 'incertains' : 'incertain' })],
  ] as const
  const final = now.total - now.pending - now.uncertain
  return [
    `${now.progress_percent.toFixed(2)} %`,
    `${final}/${now.total}`,
    ...counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`),
    ...(now.paused ? [inWords({ en: 'paused', fr: 'en pause' })] : []),
  ].join(' · ')
}
