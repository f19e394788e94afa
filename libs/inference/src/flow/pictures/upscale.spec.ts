import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { DiffusionEngine, EncodedImage, PictureSize } from '../../diffusion-engine.js';
import { openEngine } from '../../open-engine.js';
import { encodeFinished } from './upscale.js';

const never = new AbortController().signal;
const plain = (width: number, height: number, background: string | object) =>
  sharp({ create: { width, height, channels: 4, background: background as string } });

describe('upscaling', () => {
  let engine: DiffusionEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: 'onnx', threads: 2, logger: pino({ level: 'silent' }) });
  });
  afterAll(() => engine.close());

  const upscale = async (picture: Uint8Array, widthPx: number, heightPx: number): Promise<EncodedImage> => {
    for await (const update of engine.upscale('mosaic-3d', picture, { widthPx, heightPx }, never))
      if (update.type === 'image') return update.image;
    throw new Error('The engine ended without a picture');
  };
  const refusalOf = async (picture: Uint8Array, size: PictureSize) =>
    upscale(picture, size.widthPx, size.heightPx).then(
      () => undefined,
      (error: { reason: string }) => error.reason,
    );

  it.each([
    [1, 40, 4, 160],
    [40, 1, 80, 2],
    [1, 1, 8, 8],
    [50, 37, 165, 122],
    [61, 47, 360, 277],
  ])('makes of %i x %i pixels exactly %i x %i', async (width, height, widthPx, heightPx) => {
    const enlarged = await upscale(await plain(width, height, '#a05030').removeAlpha().png().toBuffer(), widthPx, heightPx);
    const { data, info } = await sharp(enlarged.bytes).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: widthPx, height: heightPx, channels: 3 });
    expect(data.every((value, at) => Math.abs(value - [0xa0, 0x50, 0x30][at % 3]!) <= 4)).toBe(true);
  });

  it('keeps what is transparent, and draws nothing unseen into the edges', async () => {
    const disc = Buffer.from('<svg width="64" height="64"><circle cx="32" cy="32" r="20" fill="#e02020"/></svg>');
    const picture = await plain(64, 64, { r: 0, g: 0, b: 0, alpha: 0 })
      .composite([{ input: disc }])
      .png()
      .toBuffer();
    const { bytes, contentType } = await upscale(picture, 256, 256);
    expect(contentType).toBe('image/png');
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(4);
    const alphaAt = (x: number, y: number) => data[4 * (y * 256 + x) + 3];
    expect([alphaAt(2, 2), alphaAt(128, 10), alphaAt(128, 128), alphaAt(128, 60)]).toEqual([0, 0, 255, 255]);
    const seen = Array.from({ length: 256 * 256 }, (_, pixel) => [data[4 * pixel]!, data[4 * pixel + 3]!] as const);
    expect(seen.filter(([red, alpha]) => alpha > 0 && red < 190)).toEqual([]);
    expect(seen.some(([, alpha]) => alpha > 20 && alpha < 235)).toBe(true);
  });

  it('turns a photograph upright before it grows', async () => {
    const turned = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#3060a0' } })
      .composite([{ input: await plain(20, 20, '#ffffff').png().toBuffer(), left: 0, top: 0 }])
      .jpeg({ quality: 100 })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const { bytes } = await upscale(turned, 40, 80);
    const meanOf = async (top: number) =>
      (await sharp(await sharp(bytes).extract({ left: 4, top, width: 32, height: 20 }).png().toBuffer()).stats()).channels[0]!.mean;
    expect(await meanOf(8)).toBeGreaterThan(230);
    expect(await meanOf(52)).toBeLessThan(80);
    expect(await refusalOf(turned, { widthPx: 80, heightPx: 40 })).toBe('invalid_upscale');
  });

  it('shows what was there: squeezed again it is the picture, and sharper than plain resampling', async () => {
    const drawn = Buffer.from(
      '<svg width="512" height="512"><rect width="512" height="512" fill="#88b0d8"/><path d="M40 470 L256 60 L470 470 Z" fill="#e8c040" stroke="#402010" stroke-width="14"/><circle cx="256" cy="330" r="70" fill="#c03050"/></svg>',
    );
    const original = await sharp(drawn).removeAlpha().raw().toBuffer();
    const small = await sharp(drawn).removeAlpha().resize(128, 128, { kernel: 'lanczos3' }).png().toBuffer();
    const psnr = (pixels: Buffer) => {
      const square = pixels.reduce((sum, value, at) => sum + (value - original[at]!) ** 2, 0) / pixels.length;
      return 10 * Math.log10(255 ** 2 / square);
    };
    const enlarged = await sharp((await upscale(small, 512, 512)).bytes)
      .raw()
      .toBuffer();
    const resampled = await sharp(small).resize(512, 512, { kernel: 'lanczos3' }).raw().toBuffer();
    expect(psnr(enlarged)).toBeGreaterThan(psnr(resampled));
    expect(psnr(enlarged)).toBeGreaterThan(28);
  });

  it('refuses what it cannot do', async () => {
    const picture = await plain(1000, 1000, '#808080').png().toBuffer();
    expect(await refusalOf(picture, { widthPx: 5000, heightPx: 5000 })).toBe('too_many_megapixels');
    expect(await refusalOf(picture, { widthPx: 1000, heightPx: 1000 })).toBe('invalid_upscale');
    expect(await refusalOf(await plain(40, 40, '#808080').png().toBuffer(), { widthPx: 400, heightPx: 400 })).toBe('invalid_upscale');
    expect(await refusalOf(Buffer.from('no picture'), { widthPx: 400, heightPx: 400 })).toBe('unreadable_picture');
    const unknown = engine.upscale('sdxl-turbo-9000', picture, { widthPx: 2000, heightPx: 2000 }, never)[Symbol.asyncIterator]();
    await expect(unknown.next()).rejects.toMatchObject({ reason: 'unknown_model' });
  });

  it('stops at the next tile', async () => {
    const stop = new AbortController();
    const picture = await plain(600, 600, '#808080').removeAlpha().png().toBuffer();
    const steps: number[] = [];
    const run = async () => {
      for await (const update of engine.upscale(undefined, picture, { widthPx: 1200, heightPx: 1200 }, stop.signal)) {
        if (update.type === 'step') steps.push(update.step);
        stop.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ kind: 'Cancelled' });
    expect(steps).toEqual([1]);
  });
});

describe('the file of a finished picture', () => {
  let state = 7;
  const noise = () => (state = (state * 48_271) % 2_147_483_647) & 255;
  const sized = { widthPx: 64, heightPx: 64, rgb: Uint8Array.from({ length: 3 * 64 * 64 }, noise) };

  it.each([
    ['a PNG', undefined, 1_000_000, 'image/png', 'png'],
    ['a JPEG where a PNG would be too large', undefined, 10_000, 'image/jpeg', 'jpeg'],
    ['a WebP where something is transparent, too', new Uint8Array(64 * 64).fill(90), 10_000, 'image/webp', 'webp'],
  ])('is %s', async (_name, alpha, bytesMax, contentType, format) => {
    const encoded = await encodeFinished({ ...sized, alpha }, bytesMax);
    expect(encoded).toMatchObject({ contentType, widthPx: 64, heightPx: 64 });
    expect(await sharp(encoded.bytes).metadata()).toMatchObject({ format, width: 64, height: 64, hasAlpha: alpha !== undefined });
  });
});
