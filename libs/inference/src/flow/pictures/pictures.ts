import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { EncodedImage } from '../../diffusion-engine.js';
import type { Grade, Manifest } from '@tessera/models/manifest.js';
import { keepKnown, type InpaintInput } from '../../pictures/inpaint-input.js';
import { matchTone } from './tone.js';
import type { Window } from '../layout/layout.js';
import { floats, numbers, type Sessions } from '../sessions.js';

/** Three planes, red, green and blue, in 0..1. */
export type Planes = { readonly widthPx: number; readonly heightPx: number; readonly data: Float32Array };

/** Red, green and blue, pixel by pixel. */
export type Pixels = { readonly widthPx: number; readonly heightPx: number; readonly data: Uint8Array };

/** Cuts `window` (in pixels of a picture that is `nativePx` high) out of the planes. */
export function cut(picture: Planes, window: Window, nativePx: number): Planes {
  const scale = picture.heightPx / nativePx;
  const widthPx = Math.max(1, Math.round(window.width * scale));
  const heightPx = Math.max(1, Math.round(window.height * scale));
  const left = Math.min(Math.round(window.left * scale), picture.widthPx - widthPx);
  const top = Math.min(Math.round(window.top * scale), picture.heightPx - heightPx);
  if (widthPx === picture.widthPx && heightPx === picture.heightPx) return picture;
  const data = new Float32Array(3 * widthPx * heightPx);
  for (let channel = 0; channel < 3; channel += 1) {
    for (let y = 0; y < heightPx; y += 1) {
      const from = (channel * picture.heightPx + top + y) * picture.widthPx + left;
      data.set(picture.data.subarray(from, from + widthPx), (channel * heightPx + y) * widthPx);
    }
  }
  return { widthPx, heightPx, data };
}

/** Enlarges, cuts to the window and enlarges on: the second pass costs by the area, so it gets only what is delivered. */
export async function enlarge(
  picture: Planes,
  window: Window,
  { widthPx, heightPx }: { widthPx: number; heightPx: number },
  manifest: Manifest,
  sessions: Sessions,
): Promise<Planes> {
  // A picture generated in several squares has that much more to begin with.
  const squares = picture.widthPx / picture.heightPx;
  const [first, ...others] = manifest.superResolution.filter(({ aboveSidePx }) => Math.max(widthPx, heightPx) > aboveSidePx * squares);
  const pass = async (planes: Planes, { file, input, output, factor }: Manifest['superResolution'][number]): Promise<Planes> => {
    const graph = path.join(manifest.folder, file);
    const { enlarged } = await sessions.run(
      graph,
      { inputs: { picture: input }, outputs: { enlarged: output } },
      { picture: floats(planes.data, 1, 3, planes.heightPx, planes.widthPx) },
    );
    return { widthPx: planes.widthPx * factor, heightPx: planes.heightPx * factor, data: numbers(enlarged) };
  };
  let planes = cut(first ? await pass(picture, first) : picture, window, manifest.nativeSidePx);
  for (const next of others) planes = await pass(planes, next);
  return planes;
}

function toPixels({ widthPx, heightPx, data }: Planes, { saturation, brightness, contrast, tint }: Grade): Buffer {
  const area = widthPx * heightPx;
  const pixels = Buffer.alloc(3 * area);
  for (let pixel = 0; pixel < area; pixel += 1) {
    const red = data[pixel] ?? 0;
    const green = data[area + pixel] ?? 0;
    const blue = data[2 * area + pixel] ?? 0;
    const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    const grade = (value: number, gain: number) =>
      Math.round(255 * Math.min(1, Math.max(0, (((luma + (value - luma) * saturation) * gain - 0.5) * contrast + 0.5) * brightness)));
    pixels[pixel * 3] = grade(red, tint[0]);
    pixels[pixel * 3 + 1] = grade(green, tint[1]);
    pixels[pixel * 3 + 2] = grade(blue, tint[2]);
  }
  return pixels;
}

export const noGrade: Grade = { saturation: 1, brightness: 1, contrast: 1, tint: [1, 1, 1] };

/** PNG of exactly the size asked for, without metadata: the same pixels give the same bytes. */
export function encodePng(
  planes: Planes,
  grade: Grade,
  size: { widthPx: number; heightPx: number },
  inpaint: InpaintInput | undefined,
): Promise<EncodedImage> {
  return encodePngPixels({ widthPx: planes.widthPx, heightPx: planes.heightPx, data: toPixels(planes, grade) }, size, inpaint);
}

export async function encodePngPixels(
  generated: Pixels,
  { widthPx, heightPx }: { widthPx: number; heightPx: number },
  inpaint: InpaintInput | undefined,
): Promise<EncodedImage> {
  const asGenerated = sharp(generated.data, { raw: { width: generated.widthPx, height: generated.heightPx, channels: 3 } });
  const isSized = generated.widthPx === widthPx && generated.heightPx === heightPx;
  const sized = isSized ? asGenerated : asGenerated.resize(widthPx, heightPx, { fit: 'fill', kernel: 'lanczos3' });
  const picture = inpaint ? await withKnown(sized, inpaint) : sized;
  const bytes = await picture.png({ compressionLevel: 6, adaptiveFiltering: true, palette: false }).toBuffer();
  return { widthPx, heightPx, contentType: 'image/png', bytes: new Uint8Array(bytes) };
}

async function withKnown(picture: Sharp, inpaint: InpaintInput): Promise<Sharp> {
  const pixels = await picture.raw().toBuffer();
  matchTone(pixels, inpaint);
  keepKnown(pixels, inpaint);
  return sharp(pixels, { raw: { width: inpaint.widthPx, height: inpaint.heightPx, channels: 3 } });
}

/** Small and quick: looked at for a moment. */
export function encodePreview(planes: Planes, grade: Grade): Promise<EncodedImage> {
  return encodePreviewPixels({ widthPx: planes.widthPx, heightPx: planes.heightPx, data: toPixels(planes, grade) });
}

export async function encodePreviewPixels({ widthPx, heightPx, data }: Pixels): Promise<EncodedImage> {
  const bytes = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .webp({ quality: 70, effort: 0 })
    .toBuffer();
  return { widthPx, heightPx, contentType: 'image/webp', bytes: new Uint8Array(bytes) };
}
