import sharp from 'sharp';
import { refuseUnfitSize } from '@tessera/models/upscaling.js';
import { cancelled } from '@tessera/platform/errors.js';
import type { EncodedImage, UpscaleUpdate } from '../../diffusion-engine.js';
import { type ReadPicture, readPicture } from '../../pictures/read-picture.js';
import type { Sessions } from '../sessions.js';
import { keepColours } from './keep-colours.js';
import { countTiles, type Enlarger, enlargeTo, passesFor } from './enlarger.js';

/** What storage takes of a picture, with room to spare. A photograph of 20 megapixels is about half of it as a PNG, noise is more. */
const pngBytesMax = 48 * 1024 * 1024;
/** Levels of alpha that the graph has moved away from nothing and everything. */
const alphaSlack = 4;
/** Nobody sees what this leaves out. */
const lossyQuality = 95;

export type Upscaling = {
  readonly picture: Uint8Array;
  readonly size: { readonly widthPx: number; readonly heightPx: number };
  readonly emit: (update: UpscaleUpdate) => void;
  readonly isCancelled: () => boolean;
};

/** Enlarges a picture to exactly the size asked for; transparency is enlarged as colours are. */
export async function upscale({ picture, size, emit, isCancelled }: Upscaling, enlarger: Enlarger, sessions: Sessions): Promise<void> {
  const refuseIfCancelled = () => {
    if (isCancelled()) throw cancelled('painting_cancelled', 'The painting was cancelled.');
  };
  refuseIfCancelled();
  const source = await readPicture(picture);
  refuseUnfitSize(source, size, 'size');
  const scale = Math.max(size.widthPx / source.widthPx, size.heightPx / source.heightPx);
  const tiles = countTiles(source, passesFor(scale, enlarger)) * (source.alpha ? 2 : 1);
  let step = 0;
  const onTile = () => {
    step += 1;
    emit({ type: 'step', step, steps: tiles });
    refuseIfCancelled();
  };
  const { widthPx, heightPx } = source;
  const colours = { widthPx, heightPx, data: source.rgb };
  const rgb = await enlargeTo(colours, size, enlarger, sessions, onTile);
  await keepColours(rgb, colours);
  const alpha = source.alpha && (await enlargeTo({ widthPx, heightPx, data: asGrey(source.alpha) }, size, enlarger, sessions, onTile));
  emit({ type: 'image', image: await encodeFinished({ ...size, rgb: rgb.data, alpha: alpha && asLevels(alpha.data) }) });
}

/** The graphs know pictures of three colours only. */
function asGrey(alpha: Uint8Array): Uint8Array {
  const grey = new Uint8Array(3 * alpha.length);
  for (let pixel = 0; pixel < alpha.length; pixel += 1) grey.fill(alpha[pixel] ?? 0, 3 * pixel, 3 * pixel + 3);
  return grey;
}

function asLevels(grey: Uint8Array): Uint8Array {
  const levels = new Uint8Array(grey.length / 3);
  for (let pixel = 0; pixel < levels.length; pixel += 1) {
    const level = grey[3 * pixel + 1] ?? 0;
    levels[pixel] = level <= alphaSlack ? 0 : level >= 255 - alphaSlack ? 255 : level;
  }
  return levels;
}

/** A PNG; where that would be larger than can be stored, a JPEG, or a WebP if something is transparent. */
export async function encodeFinished({ widthPx, heightPx, rgb, alpha }: ReadPicture, bytesMax = pngBytesMax): Promise<EncodedImage> {
  const opened = () => {
    const colours = sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } });
    return alpha
      ? colours.joinChannel(Buffer.from(alpha.buffer, alpha.byteOffset, alpha.length), {
          raw: { width: widthPx, height: heightPx, channels: 1 },
        })
      : colours;
  };
  const png = await opened().png({ compressionLevel: 6, adaptiveFiltering: true, palette: false }).toBuffer();
  const encoded = (contentType: string, bytes: Buffer): EncodedImage => ({ widthPx, heightPx, contentType, bytes: new Uint8Array(bytes) });
  if (png.length <= bytesMax) return encoded('image/png', png);
  if (alpha) return encoded('image/webp', await opened().webp({ quality: lossyQuality, alphaQuality: 100 }).toBuffer());
  return encoded('image/jpeg', await opened().jpeg({ quality: lossyQuality, chromaSubsampling: '4:4:4' }).toBuffer());
}
