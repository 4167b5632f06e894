import { fileTypeFromBuffer } from 'file-type'
import { assertNoTransaction } from '../db.ts'
import { beginsAsPdf, holdsForeign } from './foreign.ts'
import { readJpeg } from './jpeg.ts'
import { faultOfPdf } from './pdf.ts'
import { readPng } from './png.ts'

/** A document of a stranger, made harmless. */
export type CleanDocument =
  | { readonly type: 'image/jpeg'; readonly bytes: Buffer; readonly width: number; readonly height: number }
  | { readonly type: 'application/pdf'; readonly bytes: Buffer }

/**
 * TYPE: neither JPEG, PNG nor PDF. BROKEN: cut, damaged, or not what it says. PIXELS: more than forty million. ANIMATED: more than
 * one picture. FOREIGN: it is something else besides, or does something by itself. LOCKED: it needs a password.
 */
export type DocumentFault = 'TYPE' | 'BROKEN' | 'PIXELS' | 'ANIMATED' | 'FOREIGN' | 'LOCKED'

export const MOST_PIXELS = 40_000_000
/** A card of 1,500 points is readable; what is sharper than this only costs room. */
const LONGEST_SIDE = 4_000
const QUALITY = 90
const DECODE_S = 20

/**
 * Looks at every byte before a decoder does, and makes a picture anew: of what was sent only its points remain, without
 * place, camera and whatever else was in the file, turned as the camera was held. A PDF is only checked. Holds up to some 200 MB
 * for a moment: the caller bounds how many run at once.
 */
export async function cleanDocument(bytes: Buffer): Promise<CleanDocument | DocumentFault> {
  assertNoTransaction('decoding a picture')
  const found = bytes.length < 16 ? undefined : await fileTypeFromBuffer(bytes)
  switch (found?.mime) {
    case 'application/pdf':
      return cleanPdf(bytes)
    case 'image/jpeg':
      return cleanJpeg(bytes)
    case 'image/png':
    case 'image/apng':
      return cleanPng(bytes)
    default:
      return 'TYPE'
  }
}

function cleanPdf(bytes: Buffer): CleanDocument | DocumentFault {
  const fault = faultOfPdf(bytes)
  if (fault === 'ACTIVE' || holdsForeign(bytes)) return 'FOREIGN'
  return fault ?? { type: 'application/pdf', bytes }
}

async function cleanJpeg(bytes: Buffer): Promise<CleanDocument | DocumentFault> {
  if (beginsAsPdf(bytes) || holdsForeign(bytes)) return 'FOREIGN'
  const header = readJpeg(bytes)
  if (header === undefined) return 'BROKEN'
  if (header.width * header.height > MOST_PIXELS) return 'PIXELS'
  // Telephones put previews and films behind the picture: they are left behind.
  return redraw(bytes.subarray(0, header.end))
}

async function cleanPng(bytes: Buffer): Promise<CleanDocument | DocumentFault> {
  if (beginsAsPdf(bytes) || holdsForeign(bytes)) return 'FOREIGN'
  const png = readPng(bytes)
  if (png === undefined) return 'BROKEN'
  if (png.width * png.height > MOST_PIXELS) return 'PIXELS'
  if (png.is_animated) return 'ANIMATED'
  return png.end < bytes.length ? 'FOREIGN' : redraw(png.bare)
}

async function redraw(bytes: Buffer): Promise<CleanDocument | DocumentFault> {
  // Loaded when the first picture comes: a start need not wait for it.
  const { default: sharp } = await import('sharp')
  sharp.cache(false)
  sharp.concurrency(1)
  try {
    const { data, info } = await sharp(bytes, {
      limitInputPixels: MOST_PIXELS,
      failOn: 'error',
      animated: false,
      sequentialRead: true,
    })
      .timeout({ seconds: DECODE_S })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .resize({ width: LONGEST_SIDE, height: LONGEST_SIDE, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: QUALITY })
      .toBuffer({ resolveWithObject: true })
    return { type: 'image/jpeg', bytes: data, width: info.width, height: info.height }
  } catch {
    return 'BROKEN' // whatever the decoder said: the file is not a picture that it can draw
  }
}
