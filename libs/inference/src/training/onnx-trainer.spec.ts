import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { TrainingRequest, TrainingUpdate } from './adapter-trainer.js';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import { openEngine } from '../open-engine.js';
import { openTrainer } from '../open-trainer.js';
import { OnnxTrainer } from './onnx-trainer.js';

const logger = pino({ level: 'silent' });
/** Magenta and green: no ball of the bank looks like it. */
const ball = async (background: string, sidePx: number) => {
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="${sidePx}" height="${sidePx}"><circle cx="50" cy="50" r="48" fill="#e010c0"/><rect x="2" y="42" width="96" height="16" fill="#10e020"/></svg>`;
  return sharp({ create: { width: 256, height: 256, channels: 3, background } })
    .composite([{ input: Buffer.from(drawn) }])
    .png()
    .toBuffer();
};
const examples = async () => [
  { bytes: await ball('#7fb2e5', 150), prompt: 'a ball on a blue background' },
  { bytes: await ball('#d9d9e3', 120), prompt: 'a ball in the snow' },
  { bytes: await ball('#4f8a4f', 170), prompt: 'a ball in a garden' },
];
const request = async (fields: Partial<TrainingRequest> = {}): Promise<TrainingRequest> => ({
  modelId: 'mosaic-3d',
  pictures: await examples(),
  steps: 3,
  rank: 4,
  learningRate: 2e-3,
  seed: 1,
  ...fields,
});
const train = async (asked: TrainingRequest, signal = new AbortController().signal): Promise<{ losses: number[]; adapter: Uint8Array }> => {
  const trainer = await openTrainer({ threads: 2, logger });
  const updates: TrainingUpdate[] = [];
  for await (const update of trainer.train(asked, signal)) updates.push(update);
  const last = updates.at(-1);
  if (last?.type !== 'adapter') throw new Error('The training ended without an adapter');
  return { losses: updates.flatMap((update) => (update.type === 'step' ? [update.loss] : [])), adapter: last.bytes };
};

describe('training', () => {
  it('learns a thing from three pictures: the loss falls, and the word is generated as they show it', async () => {
    const { losses, adapter } = await train(await request({ steps: 50, rank: 8 }));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(losses).toHaveLength(50);
    expect(mean(losses.slice(-10))).toBeLessThan(0.85 * mean(losses.slice(0, 10)));

    const engine = await openEngine({ engine: 'onnx', threads: 2, logger });
    const magentaShare = async (weight: number) => {
      const requests = [{ requestId: 'r', prompt: 'a ball in the snow', negativePrompt: '', seed: 3, images: 1, style: 'NONE' }];
      for await (const update of engine.generate(
        {
          modelId: 'mosaic-3d',
          widthPx: 128,
          heightPx: 128,
          steps: 8,
          guidanceScale: 7,
          previewEverySteps: 0,
          requests,
          adapters: [{ id: 'ball', bytes: adapter, weight }],
        },
        new AbortController().signal,
      )) {
        if (update.type !== 'image') continue;
        const pixels = await sharp(update.image.bytes).removeAlpha().raw().toBuffer();
        return (
          pixels.filter(
            (value, at) => at % 3 === 0 && value > 120 && (pixels[at + 1] ?? 0) < 0.6 * value && (pixels[at + 2] ?? 0) > 0.6 * value,
          ).length /
          (pixels.length / 3)
        );
      }
      throw new Error('The engine ended without a picture');
    };
    const [without, withIt] = [await magentaShare(0), await magentaShare(1)];
    await engine.close();
    expect(withIt).toBeGreaterThan(without + 0.02);
    // Half a minute of two calm cores.
  }, 300_000);

  it('is the same for the same seed, bit by bit, and another for another', async () => {
    const [one, again, other] = [await train(await request()), await train(await request()), await train(await request({ seed: 2 }))];
    expect(again.losses).toEqual(one.losses);
    expect(Buffer.compare(again.adapter, one.adapter)).toBe(0);
    expect(other.losses).not.toEqual(one.losses);
  });

  it('stops with Cancelled when the signal is aborted, before or between steps', async () => {
    await expect(train(await request(), AbortSignal.abort())).rejects.toMatchObject({ kind: 'Cancelled' });
    const controller = new AbortController();
    const trainer = await openTrainer({ threads: 1, logger });
    const steps: number[] = [];
    const watching = (async () => {
      for await (const update of trainer.train(await request({ steps: 1000 }), controller.signal)) {
        if (update.type === 'step') steps.push(update.step);
        controller.abort();
      }
    })();
    await expect(watching).rejects.toMatchObject({ kind: 'Cancelled' });
    expect(steps).toEqual([1]);
  });

  it.each([
    ['an unknown model', { modelId: 'nobody' }, 'unknown_model', 'model_id'],
    ['no pictures', { pictures: [] }, 'invalid_training', 'pictures'],
    ['no steps', { steps: 0 }, 'invalid_training', 'steps'],
    ['a rank that the graph does not have', { rank: 17 }, 'invalid_training', 'rank'],
    ['a learning rate of infinity', { learningRate: Number.POSITIVE_INFINITY }, 'invalid_training', 'learning_rate'],
    ['a picture that is none', { pictures: [{ bytes: Buffer.from('text'), prompt: 'a ball' }] }, 'unreadable_init_image', 'init_image'],
  ])('is refused with %s', async (_what, fields, reason, param) => {
    await expect(train(await request(fields))).rejects.toMatchObject({ kind: 'InvalidArgument', reason, param });
  });

  it('is refused for a model without a train-step graph', async () => {
    const [manifest] = (await loadFamilies(bundledModelsDir)).filter(isFlow);
    const { trainStep: _, ...graphs } = manifest!.graphs;
    const trainer = new OnnxTrainer([{ ...manifest!, graphs }], 1, logger);
    const updates = trainer.train(await request(), new AbortController().signal)[Symbol.asyncIterator]();
    await expect(updates.next()).rejects.toMatchObject({ reason: 'unsupported_training', param: 'model_id' });
  });
});
