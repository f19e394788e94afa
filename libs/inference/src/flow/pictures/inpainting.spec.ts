import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { DiffusionEngine, InitImageInput, GenerateBatch, GenerateRequest } from '../../diffusion-engine.js';
import { openEngine } from '../../open-engine.js';
import { readInpaintInput } from '../../pictures/inpaint-input.js';
import { KnownRegion } from './inpainting.js';

const white = (left: number, top: number, width: number, height: number) => ({ left, top, width, height });
type Patch = ReturnType<typeof white>;

async function picture(
  widthPx: number,
  heightPx: number,
  background: string,
  patches: readonly (Patch & { readonly colour?: string })[] = [],
): Promise<Buffer> {
  const layers = await Promise.all(
    patches.map(async ({ left, top, width, height, colour = '#ffffff' }) => ({
      left,
      top,
      input: await sharp({ create: { width, height, channels: 3, background: colour } })
        .png()
        .toBuffer(),
    })),
  );
  return sharp({ create: { width: widthPx, height: heightPx, channels: 3, background } })
    .composite(layers)
    .png()
    .toBuffer();
}

const pixelsOf = (bytes: Uint8Array) => sharp(bytes).removeAlpha().raw().toBuffer();
/** Speckled, so that a pixel that was moved or resampled shows. */
const speckled = (widthPx: number, heightPx: number) =>
  sharp(Buffer.from(Array.from({ length: 3 * widthPx * heightPx }, (_, k) => (k * 7919) % 251)), {
    raw: { width: widthPx, height: heightPx, channels: 3 },
  })
    .png()
    .toBuffer();

describe('inpainting', () => {
  let engine: DiffusionEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: 'onnx', threads: 1, logger: pino({ level: 'silent' }) });
  });
  afterAll(() => engine.close());

  const generate = async (
    initImage: InitImageInput,
    fields: Partial<GenerateRequest> = {},
    batch: Partial<GenerateBatch> = {},
  ): Promise<Uint8Array> => {
    const requests = [
      { requestId: 'r', prompt: 'a red apple', negativePrompt: '', seed: 1, images: 1, style: 'NONE', initImage, ...fields },
    ];
    for await (const update of engine.generate(
      { modelId: 'mosaic-3d', widthPx: 256, heightPx: 256, steps: 6, guidanceScale: 7, previewEverySteps: 0, requests, ...batch },
      new AbortController().signal,
    )) {
      if (update.type === 'image') return update.image.bytes;
    }
    throw new Error('The engine ended without a picture');
  };
  /** Bytes that differ where the mask is black, and the share of those that differ where it is white. */
  const changes = async (before: Uint8Array, after: Uint8Array, isWhite: (x: number, y: number) => boolean, widthPx: number) => {
    const [old, fresh] = [await pixelsOf(before), await pixelsOf(after)];
    let [inBlack, inWhite, white] = [0, 0, 0];
    for (let at = 0; at < old.length; at += 3) {
      const pixel = at / 3;
      const differs = old[at] !== fresh[at] || old[at + 1] !== fresh[at + 1] || old[at + 2] !== fresh[at + 2];
      if (isWhite(pixel % widthPx, Math.floor(pixel / widthPx))) {
        white += 1;
        inWhite += differs ? 1 : 0;
      } else inBlack += differs ? 1 : 0;
    }
    return { inBlack, whiteShare: inWhite / white };
  };

  it('repaints what is white and leaves every other pixel as it was', async () => {
    const bytes = await speckled(256, 256);
    const mask = await picture(256, 256, '#000000', [white(100, 60, 120, 150)]);
    const generated = await generate({ bytes, strength: 0, mask });
    const { inBlack, whiteShare } = await changes(bytes, generated, (x, y) => x >= 100 && x < 220 && y >= 60 && y < 210, 256);
    expect(inBlack).toBe(0);
    expect(whiteShare).toBeGreaterThan(0.95);
  });

  it('leaves pixels alone in formats that are no square, and behind the edges of a JPEG mask', async () => {
    const bytes = await speckled(384, 216);
    const mask = await sharp(await picture(192, 108, '#000000', [white(0, 0, 80, 108)]))
      .jpeg({ quality: 60 })
      .toBuffer();
    const generated = await generate({ bytes, strength: 0, mask }, {}, { widthPx: 384, heightPx: 216 });
    expect((await changes(bytes, generated, (x) => x < 164, 384)).inBlack).toBe(0);
  });

  it('generates the thing where the mask is', async () => {
    const bytes = await picture(256, 256, '#d0d8e0');
    const mask = await picture(256, 256, '#000000', [white(16, 120, 110, 110)]);
    const generated = await generate({ bytes, strength: 0, mask }, { prompt: 'a red apple' }, { steps: 12 });
    const { channels } = await sharp(
      await sharp(generated).extract({ left: 50, top: 150, width: 40, height: 50 }).png().toBuffer(),
    ).stats();
    expect(channels[0]!.mean).toBeGreaterThan(channels[1]!.mean + 40);
  });

  it('has a soft edge within what is inpainted', async () => {
    const bytes = await picture(256, 256, '#ffffff');
    const mask = await picture(256, 256, '#000000', [white(64, 0, 192, 256)]);
    const pixels = await pixelsOf(await generate({ bytes, strength: 0, mask }, { prompt: 'a dark cave at night' }));
    const column = (x: number) =>
      Array.from({ length: 256 }, (_, y) => 255 - (pixels[3 * (y * 256 + x)] ?? 0)).reduce((sum, value) => sum + value, 0);
    expect(column(63)).toBe(0);
    expect(column(65)).toBeGreaterThan(0);
    expect(column(65)).toBeLessThan(column(72));
  });

  it('generates around a picture that is placed in a larger one', async () => {
    const bytes = await speckled(128, 96);
    const generated = await generate(
      { bytes, strength: 0, placement: { leftPx: 80, topPx: 100, widthPx: 128, heightPx: 96 } },
      { prompt: 'a beach' },
    );
    const inside = await sharp(generated).extract({ left: 80, top: 100, width: 128, height: 96 }).png().toBuffer();
    expect(Buffer.compare(await pixelsOf(inside), await pixelsOf(bytes))).toBe(0);
    const { entropy } = await sharp(await sharp(generated).extract({ left: 0, top: 0, width: 256, height: 90 }).png().toBuffer()).stats();
    expect(entropy).toBeGreaterThan(1);
  });

  it('generates the same bytes among batch-mates', async () => {
    const initImage = { bytes: await speckled(128, 128), strength: 0.3, mask: await picture(128, 128, '#000000', [white(30, 30, 60, 60)]) };
    const small = { widthPx: 128, heightPx: 128 };
    const alone = await generate(initImage, {}, small);
    const requests = [
      { requestId: 'r', prompt: 'a red apple', negativePrompt: '', seed: 1, images: 1, style: 'NONE', initImage },
      { requestId: 'mate', prompt: 'a dog', negativePrompt: '', seed: 5, images: 1, style: 'NONE' },
    ];
    expect(Buffer.compare(await generate(initImage, {}, { ...small, requests }), alone)).toBe(0);
  });
});

describe('the room for things in a mask', () => {
  const window = { left: 0, top: 0, width: 128, height: 128 };
  const roomOf = async (mask: Buffer) => {
    const inpaint = await readInpaintInput({ bytes: await picture(128, 128, '#808080'), strength: 0, mask }, 128, 128);
    return (await KnownRegion.of(inpaint!, 128, 16, window)).room();
  };

  it('is the largest free square', async () => {
    const { rectangle, isSmall } = await roomOf(await picture(128, 128, '#000000', [white(70, 20, 50, 60)]));
    expect(isSmall).toBe(true);
    expect(rectangle.left).toBeGreaterThanOrEqual(62);
    expect(rectangle.left + rectangle.width).toBeLessThanOrEqual(128);
    expect(rectangle.width).toBeGreaterThanOrEqual(48);
  });

  it('is in the middle of a long mask', async () => {
    const { rectangle } = await roomOf(await picture(128, 128, '#000000', [white(0, 0, 40, 128)]));
    expect(Math.abs(rectangle.top + rectangle.height / 2 - 64)).toBeLessThanOrEqual(2);
  });

  it('is the picture in the middle when only a frame around it is free', async () => {
    const { rectangle } = await roomOf(await picture(128, 128, '#ffffff', [{ ...white(20, 20, 88, 88), colour: '#000000' }]));
    expect(rectangle).toEqual({ left: 20, top: 20, width: 88, height: 88 });
  });

  it('is the spot itself when it is small', async () => {
    const { rectangle } = await roomOf(await picture(128, 128, '#000000', [white(40, 50, 20, 12)]));
    expect(rectangle).toEqual({ left: 40, top: 50, width: 20, height: 12 });
  });
});
