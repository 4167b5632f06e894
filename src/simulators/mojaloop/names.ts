const FIRST = [
  'Ama',
  'Kossi',
  'Afi',
  'Koffi',
  'Akouvi',
  'Yao',
  'Fatou',
  'Moussa',
  'Aminata',
  'Ibrahim',
  'Adjoa',
  'Kwame',
  'Aïssatou',
  'Ousmane',
  'Chantal',
  'Étienne',
  'Brigitte',
  'Serge',
  'Solange',
  'Hervé',
]
const LAST = [
  'Koffi',
  'Mensah',
  'Agbeko',
  'Diallo',
  'Traoré',
  'Ouédraogo',
  'Ndiaye',
  'Kouassi',
  'Sow',
  'Bamba',
  'Lawson',
  'Adjovi',
  'Konaté',
  'Mbarga',
  'Ngono',
  'Etoundi',
  'Fotso',
  'Tchamba',
  'Dossou',
  'Amegan',
]

/** A person's name, written as inside a JSON string (ASCII with escapes: answers of pure ASCII go out much faster). */
export type PersonName = { readonly first: string; readonly last: string }

const escaped = (name: string): string =>
  name.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
const first_names = FIRST.map(escaped)
const last_names = LAST.map(escaped)
const somebodyElse: PersonName = { first: escaped('Zénabou'), last: 'Quashie-Xatsa' }

/**
 * The name of the person who holds a number: always the same for the same number. `other`: the holder is somebody else
 * than anybody who was announced (number sold on, typing error).
 */
export function nameOf(party: string, other = false): PersonName {
  if (other) return somebodyElse
  let mix = 7
  for (let i = 0; i < party.length; i++) mix = (mix * 31 + party.charCodeAt(i)) % 1_000_003
  return {
    first: first_names[mix % FIRST.length] ?? 'Ama',
    last: last_names[Math.floor(mix / 20) % LAST.length] ?? 'Koffi',
  }
}
