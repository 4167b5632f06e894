const LONGEST = 160

/** MTN answers 400 to apostrophes and to most signs: letters lose their accents, the rest becomes spaces. 160 characters. */
export const cleanNote = (text: string): string =>
  text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[œŒ]/g, 'oe')
    .replaceAll(/[æÆ]/g, 'ae')
    .replaceAll(/[^A-Za-z0-9 .,-]+/g, ' ')
    .replaceAll(/ +/g, ' ')
    .trim()
    .slice(0, LONGEST)
    .trimEnd()
