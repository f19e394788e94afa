import type { UploadRefusal } from './errors.js';

export type Inspection =
  | { readonly contentType: string; readonly widthPx: number; readonly heightPx: number }
  | { readonly refusal: UploadRefusal };

export const imagePixelsMax = 40_000_000;
/** Of either side. Decoders work row by row: one of 40 million pixels takes a gigabyte, and as many rows of one pixel take minutes. */
export const imageSidePxMax = 16_384;
/** A picture of 40 megapixels takes about two; what takes longer was made to. */
const decodedWithinS = 20;

/** Only these reach a decoder: the others that are built in (SVG with its references, TIFF, HEIF) never see a stranger's bytes. */
const signatures: readonly { readonly contentType: string; matches(bytes: Buffer): boolean }[] = [
  {
    contentType: 'image/png',
    matches: (bytes) => bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])),
  },
  { contentType: 'image/jpeg', matches: (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) },
  {
    contentType: 'image/webp',
    matches: (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP',
  },
];

/** By the first bytes alone; `undefined` when they begin like none of the formats that we take. */
export const imageTypeOf = (bytes: Buffer): string | undefined => signatures.find(({ matches }) => matches(bytes))?.contentType;

/** What the bytes really are, whatever they were called. Decodes every pixel, for a header alone does not show that the rest is missing. */
export async function inspectImage(bytes: Buffer): Promise<Inspection> {
  const contentType = imageTypeOf(bytes);
  if (contentType === undefined) return { refusal: 'not_an_image' };
  // Loaded where it is needed: outputs of jobs need no inspection, and the codec takes its memory.
  const { default: sharp } = await import('sharp');
  try {
    // As everybody sees it: a camera held upright writes the sides swapped, and says so.
    const { autoOrient } = await sharp(bytes, { limitInputPixels: false }).metadata();
    const { width: widthPx, height: heightPx } = autoOrient;
    // Before decoding: a few kilobytes can unfold into gigabytes.
    if (widthPx * heightPx > imagePixelsMax || Math.max(widthPx, heightPx) > imageSidePxMax) return { refusal: 'image_too_large' };
    await sharp(bytes, { limitInputPixels: imagePixelsMax, failOn: 'error', sequentialRead: true })
      .timeout({ seconds: decodedWithinS })
      .stats();
    return { contentType, widthPx, heightPx };
  } catch {
    return { refusal: 'not_an_image' };
  }
}
