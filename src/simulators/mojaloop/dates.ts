// Calls of one turn share a few moments (now, an expiry a minute on): a handful of slots spares most of the formatting.
const SLOTS = 7
const slot_ms: number[] = Array.from({ length: SLOTS }, () => -1)
const slot_text: string[] = Array.from({ length: SLOTS }, () => '')
let http_s = -1
let http = ''

/** ISO 8601 with milliseconds. */
export function isoOf(at_ms: number): string {
  const whole = Math.floor(at_ms)
  const slot = whole % SLOTS
  if (slot_ms[slot] !== whole) {
    slot_ms[slot] = whole
    slot_text[slot] = new Date(whole).toISOString()
  }
  return slot_text[slot] ?? ''
}

/** The date of an HTTP header. */
export function httpDateOf(at_ms: number): string {
  const s = Math.floor(at_ms / 1000)
  if (s !== http_s) {
    http_s = s
    http = new Date(at_ms).toUTCString()
  }
  return http
}
