/** What a spreadsheet may take for the beginning of a formula, full-width signs included, behind any apostrophes. */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/

/**
 * A cell by RFC 4180, harmless when a spreadsheet opens it: text that could begin a formula gets one more apostrophe
 * in front (ASVS 5.0 V1.2.10). Taking that one away gives the text back.
 */
export function csvCell(value: string | bigint | null | undefined): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n;\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
