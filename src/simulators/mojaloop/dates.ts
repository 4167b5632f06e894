let iso_ms = -1
let iso = ''
let http_s = -1
let http = ''

/** ISO 8601 with milliseconds; the last one is remembered because many calls share a millisecond. */
export function isoOf(at_ms: number): string {
  if (at_ms !== iso_ms) {
    iso_ms = at_ms
    iso = new Date(at_ms).toISOString()
  }
  return iso
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
