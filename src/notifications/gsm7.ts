/**
 * The alphabet of SMS (3GPP TS 23.038): seven bits, the extension table at two septets each. One character outside of
 * it turns the whole message into UCS-2, with 70 characters a segment instead of 160, and so more than doubles its
 * price. U+202F, which French number formats are full of, is such a character.
 */
const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
)
const EXTENSION = new Set('^{}\\[~]|€')

/** What French and its neighbours use that the alphabet lacks. Letters with accents are taken apart by Unicode itself. */
const INSTEAD: Readonly<Record<string, string>> = {
  œ: 'oe',
  Œ: 'OE',
  ŋ: 'n',
  Ŋ: 'N',
  ɛ: 'e',
  Ɛ: 'E',
  ɔ: 'o',
  Ɔ: 'O',
  ə: 'e',
  ɓ: 'b',
  ɗ: 'd',
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
  '’': "'",
  '‘': "'",
  ʼ: "'",
  '‚': ',',
  '`': "'",
  '´': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '‹': "'",
  '›': "'",
  '…': '...',
  '–': '-',
  '—': '-',
  '‑': '-',
  '−': '-',
  '•': '-',
  '·': '.',
  '×': 'x',
  '⁄': '/',
  '°': 'o',
  º: 'o',
  ª: 'a',
  '²': '2',
  '³': '3',
  '№': 'No',
  '₣': 'F',
  '™': 'TM',
  '©': '(c)',
  '®': '(R)',
}

/** French puts a space inside its quotation marks; the straight ones have none. */
const INSIDE_QUOTES = /«\s+|\s+»/gu

/** Writes a text in the alphabet of SMS, as close as it can be read; what has no likeness becomes `?`. */
export function toGsm7(text: string): string {
  const quoted = text
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(INSIDE_QUOTES, (run) => (run.startsWith('«') ? '«' : '»'))
  let out = ''
  for (const character of quoted.normalize('NFC')) out += letter(character)
  return out
}

function letter(character: string): string {
  if (BASIC.has(character) || EXTENSION.has(character)) return character
  const known = INSTEAD[character]
  if (known !== undefined) return known
  if (/\p{Zl}|\p{Zp}/u.test(character)) return '\n'
  if (/\s|\p{Zs}/u.test(character)) return ' '
  // Joiners, direction marks, skin tones, accents on their own: they stand for nothing by themselves.
  if (/\p{M}|\p{C}|\p{Sk}/u.test(character)) return ''
  const plain = character.normalize('NFKD').replaceAll(/\p{M}/gu, '')
  if (plain === character) return '?'
  let out = ''
  for (const part of plain) out += letter(part)
  return out
}

export type Length = {
  readonly encoding: 'GSM-7' | 'UCS-2'
  /** Septets, or UTF-16 units. */
  readonly units: number
  /** What is paid for. */
  readonly segments: number
}

/** How long a text is on its way. The parts of a long one are shorter: each tells its place. */
export function lengthOf(text: string): Length {
  const septets = septetsOf(text)
  if (septets !== undefined) return { encoding: 'GSM-7', ...pack(septets, 160, 153) }
  const units = Array.from(text, (character) => character.length)
  return { encoding: 'UCS-2', ...pack(units, 70, 67) }
}

/** Septets of each character; undefined when one is not of the alphabet. */
function septetsOf(text: string): number[] | undefined {
  const septets: number[] = []
  for (const character of text) {
    if (BASIC.has(character)) septets.push(1)
    else if (EXTENSION.has(character)) septets.push(2)
    else return undefined
  }
  return septets
}

/** A character of two units is never cut in two: it goes whole into the next part. */
function pack(
  widths: readonly number[],
  alone: number,
  part: number,
): { readonly units: number; readonly segments: number } {
  const units = widths.reduce((sum, width) => sum + width, 0)
  if (units <= alone) return { units, segments: 1 }
  let segments = 1
  let used = 0
  for (const width of widths) {
    if (used + width > part) {
      segments += 1
      used = 0
    }
    used += width
  }
  return { units, segments }
}
