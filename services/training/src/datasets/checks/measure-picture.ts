import { createHash } from 'node:crypto';
import { notAPicture, pictureTooLarge } from '../errors.js';
import type { Measured, PictureFormat } from './measured.js';
import { coloursOf, differenceHash, hashGrid, laplacianVariance, lightnessOf, type Pixels } from './pixels.js';

/** As storage takes them. */
export const picturePixelsMax = 40_000_000;
export const pictureBytesMax = 25 * 1024 * 1024;

/** Detail is compared at one scale, or a large picture would look blurred beside a small one. */
const copySidePx = 512;

/** Only these reach a decoder: the others that are built in never see a stranger's bytes. */
export function formatOf(bytes: Uint8Array): PictureFormat | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.length)).toString('latin1');
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg';
  return start.startsWith('RIFF') && start.endsWith('WEBP') ? 'webp' : undefined;
}

/** Decodes the picture once: turned as its EXIF says, its first frame, on white where it is transparent. InvalidArgument `not_an_image` | `image_too_large`. */
export async function measurePicture(bytes: Uint8Array): Promise<Measured> {
  const format = formatOf(bytes);
  if (format === undefined) throw notAPicture();
  if (bytes.length > pictureBytesMax) throw pictureTooLarge();
  // Loaded where it is needed: the codec takes its memory.
  const { default: sharp } = await import('sharp');
  const options = { limitInputPixels: picturePixelsMax, failOn: 'error', sequentialRead: true } as const;
  const decoding = async () => {
    const { width, height, orientation = 1, hasAlpha, pages = 1 } = await sharp(bytes, { limitInputPixels: false }).metadata();
    // Before decoding: a few kilobytes can unfold into gigabytes.
    if (width * height > picturePixelsMax) throw pictureTooLarge();
    const { data, info } = await sharp(bytes, options)
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .resize(copySidePx, copySidePx, { fit: 'inside' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const raw = { width: info.width, height: info.height, channels: 4 } as const;
    const isTransparent = hasAlpha && isSeenThrough(data);
    const copy = await sharp(data, { raw }).flatten({ background: 'white' }).raw().toBuffer();
    const grid = await sharp(copy, { raw: { ...raw, channels: 3 } })
      .greyscale()
      .resize(hashGrid.widthPx, hashGrid.heightPx, { fit: 'fill' })
      .raw()
      .toBuffer();
    const pixels: Pixels = { data: copy, widthPx: info.width, heightPx: info.height };
    const isTurned = orientation >= 5;
    return {
      sha256: createHash('sha256').update(bytes).digest('hex'),
      format,
      widthPx: isTurned ? height : width,
      heightPx: isTurned ? width : height,
      sizeBytes: bytes.length,
      perceptualHash: differenceHash({ data: grid, ...hashGrid }),
      sharpness: laplacianVariance(lightnessOf(pixels)),
      colours: coloursOf(pixels),
      isTransparent,
      isAnimated: pages > 1,
    };
  };
  try {
    return await decoding();
  } catch (error) {
    if ((error as { reason?: string }).reason === 'image_too_large') throw error;
    throw notAPicture(error);
  }
}

function isSeenThrough(rgba: Uint8Array): boolean {
  for (let alpha = 3; alpha < rgba.length; alpha += 4) if ((rgba[alpha] ?? 255) < 255) return true;
  return false;
}
