export type Language = 'fr' | 'en'

/**
 * The language that the caller prefers of the two that we speak (RFC 9110 §12.5.4), or `fallback` when the header
 * names neither. `*` counts as the fallback.
 */
export function languageOf(header: string | undefined, fallback: Language): Language {
  if (header === undefined || header.length > 500) return fallback
  let best: Language = fallback
  let best_q = 0
  for (const part of header.split(',')) {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';')
    const primary = tag.split('-')[0]
    const language = primary === 'fr' || primary === 'en' ? primary : tag === '*' ? fallback : undefined
    const q = Number(
      parameters
        .find((p) => p.trim().startsWith('q='))
        ?.trim()
        .slice(2) ?? 1,
    )
    if (language === undefined || !(q > best_q)) continue
    best = language
    best_q = q
  }
  return best
}
