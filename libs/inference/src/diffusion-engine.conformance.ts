import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { DiffusionEngine, GenerateBatch, GenerateRequest, GenerateUpdate, UpscaleUpdate } from './diffusion-engine.js';

const request = (fields: Partial<GenerateRequest> = {}): GenerateRequest => ({
  requestId: 'request-1',
  prompt: 'a red apple on a table',
  negativePrompt: '',
  seed: 7,
  images: 1,
  style: 'NONE',
  ...fields,
});

async function all(updates: AsyncIterable<GenerateUpdate>): Promise<GenerateUpdate[]> {
  const list: GenerateUpdate[] = [];
  for await (const update of updates) list.push(update);
  return list;
}

const imagesOf = (updates: readonly GenerateUpdate[], requestId = 'request-1') =>
  updates.flatMap((update) =>
    update.type === 'image' && update.requestId === requestId ? [Buffer.from(update.image.bytes).toString('base64')] : [],
  );

/** What every engine guarantees, whichever runtime it uses. One that tells of whole `pictures` only learns nothing of them before they are there: it reports no steps and shows no previews. */
export function describeDiffusionEngineConformance(
  name: string,
  open: () => Promise<DiffusionEngine>,
  tells: 'steps' | 'pictures' = 'steps',
): void {
  const itOfSteps = (sentence: string, holds: () => Promise<void>): void => {
    if (tells === 'steps') it(sentence, holds);
  };
  describe(`the diffusion engine "${name}"`, () => {
    const withEngine = async (
      use: (engine: DiffusionEngine, batch: (fields?: Partial<GenerateBatch>) => GenerateBatch) => Promise<void>,
    ) => {
      const engine = await open();
      try {
        const { models } = await engine.describe();
        const modelId = models.find((model) => model.isDefault)!.modelId;
        await use(engine, (fields = {}) => ({
          modelId,
          widthPx: 128,
          heightPx: 128,
          steps: 4,
          guidanceScale: 7,
          previewEverySteps: 0,
          requests: [request()],
          ...fields,
        }));
      } finally {
        await engine.close();
      }
    };
    const never = new AbortController().signal;

    it('describes at least one model, one of them the default, with ids that are unique', () =>
      withEngine(async (engine) => {
        const { models } = await engine.describe();
        expect(models.filter((model) => model.isDefault)).toHaveLength(1);
        expect(new Set(models.map((model) => model.leonardoId)).size).toBe(models.length);
      }));

    it('counts every step in order, then delivers a decodable picture for each one asked for', () =>
      withEngine(async (engine, batch) => {
        const updates = await all(engine.generate(batch({ requests: [request({ images: 2 })] }), never));
        const steps = updates.flatMap((update) => (update.type === 'step' ? [update.step] : []));
        expect(steps).toEqual(tells === 'steps' ? [1, 2, 3, 4] : []);
        const images = updates.filter((update) => update.type === 'image');
        expect(images.map(({ index }) => index)).toEqual([0, 1]);
        for (const { image } of images) {
          const { width, height, format } = await sharp(image.bytes).metadata();
          expect({ width, height, type: `image/${format}` }).toEqual({
            width: image.widthPx,
            height: image.heightPx,
            type: image.contentType,
          });
        }
        expect(updates.at(-1)).toBe(images.at(-1));
      }));

    itOfSteps('previews as often as asked, and never after the last step', () =>
      withEngine(async (engine, batch) => {
        const updates = await all(engine.generate(batch({ previewEverySteps: 2 }), never));
        const previews = updates.flatMap((update) => (update.type === 'preview' ? [update.step] : []));
        expect(previews).toEqual([2]);
      }),
    );

    it('generates the same bytes for a seed, alone or among batch-mates', () =>
      withEngine(async (engine, batch) => {
        const alone = imagesOf(await all(engine.generate(batch({ requests: [request({ seed: 8 })] }), never)));
        const mates = [request({ requestId: 'mate', prompt: 'two dogs in the snow', seed: 99, images: 2 }), request({ images: 2 })];
        const together = imagesOf(await all(engine.generate(batch({ requests: mates }), never)));
        // Picture 1 of seed 7 is picture 0 of seed 8.
        expect(together[1]).toBe(alone[0]);
      }));

    itOfSteps('stops with Cancelled when the signal is aborted between steps', () =>
      withEngine(async (engine, batch) => {
        const controller = new AbortController();
        const seen: string[] = [];
        const running = (async () => {
          for await (const update of engine.generate(batch({ steps: 60 }), controller.signal)) {
            seen.push(update.type);
            if (update.type === 'step') controller.abort();
          }
        })();
        await expect(running).rejects.toMatchObject({ kind: 'Cancelled' });
        expect(seen).not.toContain('image');
      }),
    );

    it('refuses to begin when the signal has been aborted before', () =>
      withEngine(async (engine, batch) => {
        await expect(all(engine.generate(batch(), AbortSignal.abort()))).rejects.toMatchObject({ kind: 'Cancelled' });
      }));

    it('generates on after a caller has stopped listening', () =>
      withEngine(async (engine, batch) => {
        for await (const update of engine.generate(batch({ steps: 60 }), never)) if (update.type === 'step') break;
        expect(imagesOf(await all(engine.generate(batch(), never)))).toHaveLength(1);
      }));

    it('refuses a model that it does not have', () =>
      withEngine(async (engine, batch) => {
        await expect(all(engine.generate(batch({ modelId: 'nobody' }), never))).rejects.toMatchObject({
          kind: 'InvalidArgument',
          reason: 'unknown_model',
        });
      }));

    it.each([0, 31, 100, 1544, 512.5])('refuses a side of %d px', (widthPx) =>
      withEngine(async (engine, batch) => {
        await expect(all(engine.generate(batch({ widthPx }), never))).rejects.toMatchObject({
          kind: 'InvalidArgument',
          reason: 'unsupported_size',
          param: 'width',
        });
      }),
    );

    it.each([
      ['text', Buffer.from('not a picture')],
      ['nothing', Buffer.alloc(0)],
      ['half a PNG', Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAI', 'base64')],
    ])('refuses an init image that is %s', (_what, bytes) =>
      withEngine(async (engine, batch) => {
        const requests = [request({ initImage: { bytes, strength: 0.5 } })];
        await expect(all(engine.generate(batch({ requests }), never))).rejects.toMatchObject({
          kind: 'InvalidArgument',
          reason: 'unreadable_init_image',
        });
      }),
    );

    const square = (sidePx: number, background: string) =>
      sharp({ create: { width: sidePx, height: sidePx, channels: 3, background } })
        .png()
        .toBuffer();

    it.each([
      ['is no picture', async () => Buffer.from('not a picture'), 'unreadable_mask'],
      ['is half a picture', async () => Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAI', 'base64'), 'unreadable_mask'],
      ['is black everywhere', () => square(64, '#000000'), 'nothing_to_repaint'],
      [
        'has other proportions',
        () =>
          sharp({ create: { width: 64, height: 40, channels: 3, background: '#ffffff' } })
            .png()
            .toBuffer(),
        'mask_proportions',
      ],
    ])('refuses a mask that %s', (_what, mask, reason) =>
      withEngine(async (engine, batch) => {
        const requests = [request({ initImage: { bytes: await square(128, '#808080'), strength: 0, mask: await mask() } })];
        await expect(all(engine.generate(batch({ requests }), never))).rejects.toMatchObject({
          kind: 'InvalidArgument',
          reason,
          param: 'mask',
        });
      }),
    );

    it('takes a mask of another size than its picture', () =>
      withEngine(async (engine, batch) => {
        const requests = [request({ initImage: { bytes: await square(128, '#808080'), strength: 0, mask: await square(40, '#ffffff') } })];
        expect(imagesOf(await all(engine.generate(batch({ requests }), never)))).toHaveLength(1);
      }));

    it.each([
      [64, 64, 65, 64],
      [-8, 0, 64, 64],
      [0, 0, 4, 64],
      [0, 0.5, 64, 64],
      [0, 0, 128, 136],
    ])('refuses a picture that is placed at %d, %d and measures %d x %d', (leftPx, topPx, widthPx, heightPx) =>
      withEngine(async (engine, batch) => {
        const requests = [
          request({ initImage: { bytes: await square(128, '#808080'), strength: 0, placement: { leftPx, topPx, widthPx, heightPx } } }),
        ];
        await expect(all(engine.generate(batch({ requests }), never))).rejects.toMatchObject({
          kind: 'InvalidArgument',
          reason: 'invalid_placement',
          param: 'placement',
        });
      }),
    );

    it('refuses a picture that is placed over everything, with nothing left to generate', () =>
      withEngine(async (engine, batch) => {
        const requests = [
          request({
            initImage: {
              bytes: await square(128, '#808080'),
              strength: 0,
              placement: { leftPx: 0, topPx: 0, widthPx: 128, heightPx: 128 },
            },
          }),
        ];
        await expect(all(engine.generate(batch({ requests }), never))).rejects.toMatchObject({ reason: 'nothing_to_repaint' });
      }));

    it('takes the background away', () =>
      withEngine(async (engine, batch) => {
        const { bytes } = await engine.removeBackground(batch().modelId, await square(60, '#808080'), never);
        expect(await sharp(bytes).metadata()).toMatchObject({ width: 60, height: 60, format: 'png', hasAlpha: true });
      }));

    it('enlarges a picture to exactly the size asked for, tile by tile', () =>
      withEngine(async (engine, batch) => {
        const picture = await square(60, '#808080');
        const updates: UpscaleUpdate[] = [];
        for await (const update of engine.upscale(batch().modelId, picture, { widthPx: 150, heightPx: 150 }, never)) updates.push(update);
        expect(updates.map(({ type }) => type)).toEqual([...updates.slice(1).map(() => 'step'), 'image']);
        const enlarged = updates.flatMap((update) => (update.type === 'image' ? [update.image] : []))[0]!;
        expect(await sharp(enlarged.bytes).metadata()).toMatchObject({ width: 150, height: 150, format: 'png', hasAlpha: false });
        expect(enlarged).toMatchObject({ widthPx: 150, heightPx: 150, contentType: 'image/png' });
        const stretched = engine.upscale(batch().modelId, picture, { widthPx: 150, heightPx: 120 }, never)[Symbol.asyncIterator]().next();
        await expect(stretched).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'invalid_upscale' });
      }));

    it('is unavailable once closed, and can be closed twice', () =>
      withEngine(async (engine, batch) => {
        await engine.close();
        await engine.close();
        await expect(all(engine.generate(batch(), never))).rejects.toMatchObject({ kind: 'Unavailable', reason: 'engine_unavailable' });
      }));
  });
}
