import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import { describeDiffusionEngineConformance } from '../diffusion-engine.conformance.js';
import type { DiffusionEngine, GenerateBatch, GenerateUpdate } from '../diffusion-engine.js';
import { openEngine } from '../open-engine.js';

const logger = pino({ level: 'silent' });
const never = new AbortController().signal;

/** Two pictures of the bundled model. */
export const mosaicBatch = (fields: Partial<GenerateBatch> = {}): GenerateBatch => ({
  modelId: 'mosaic-3d',
  widthPx: 512,
  heightPx: 320,
  steps: 8,
  guidanceScale: 7,
  previewEverySteps: 3,
  requests: [
    { requestId: 'a', prompt: 'a blue cat on top of a chair in the snow', negativePrompt: 'dark', seed: 11, images: 2, style: 'VIBRANT' },
  ],
  ...fields,
});

export async function all(updates: AsyncIterable<GenerateUpdate>): Promise<GenerateUpdate[]> {
  const list: GenerateUpdate[] = [];
  for await (const update of updates) list.push(update);
  return list;
}

/** Without the phases, which the two tell of in their own ways. */
const shown = async (updates: AsyncIterable<GenerateUpdate>) => (await all(updates)).filter(({ type }) => type !== 'phase');

async function pixelsOf(update: GenerateUpdate | undefined): Promise<Buffer> {
  if (!update || !('image' in update)) throw new Error('no picture');
  return sharp(update.image.bytes).raw().toBuffer();
}

/** What an engine whose graphs run elsewhere guarantees besides: the pictures of the engine in process. `engine` is open as long as the tests run, `open` opens others. */
export function describeRemoteEngine(name: 'triton' | 'python', engine: () => DiffusionEngine, open: () => Promise<DiffusionEngine>): void {
  describeDiffusionEngineConformance(name, open);

  describe(`the pictures of the engine "${name}"`, () => {
    const generated = async () =>
      await sharp({ create: { width: 160, height: 100, channels: 3, background: '#c63' } })
        .png()
        .toBuffer();
    const cutOut = async () => {
      const disc = Buffer.from('<svg width="90" height="90"><circle cx="45" cy="45" r="36" fill="#2a7"/></svg>');
      return sharp(disc).png().toBuffer();
    };
    const half = async () => {
      const white = await sharp({ create: { width: 80, height: 100, channels: 3, background: '#fff' } })
        .png()
        .toBuffer();
      return sharp({ create: { width: 160, height: 100, channels: 3, background: '#000' } })
        .composite([{ input: white, left: 0, top: 0 }])
        .png()
        .toBuffer();
    };

    it.each([
      ['from a prompt', async () => ({})],
      ['from another picture', async () => ({ initImage: { bytes: await generated(), strength: 0.4 } })],
      ['into a part of another picture', async () => ({ initImage: { bytes: await generated(), strength: 0.2, mask: await half() } })],
      [
        'guided by the arrangement and the style of pictures',
        async () => ({
          guidance: [
            { kind: 'content' as const, bytes: await half(), strength: 0.7 },
            { kind: 'style' as const, bytes: await generated(), strength: 0.8 },
          ],
        }),
      ],
      [
        'with a character, followed in part only',
        async () => ({ guidance: [{ kind: 'character' as const, bytes: await cutOut(), strength: 0.6, subject: 'cat' }] }),
      ],
    ])('generates the pictures that the engine in process generates: %s', async (_what, more) => {
      const inProcess = await openEngine({ engine: 'onnx', threads: 2, logger });
      try {
        const asked = mosaicBatch({ requests: [{ ...mosaicBatch().requests[0]!, ...(await more()) }] });
        const [ours, theirs] = [await shown(inProcess.generate(asked, never)), await shown(engine().generate(asked, never))];
        expect(theirs.map(({ type }) => type)).toEqual(ours.map(({ type }) => type));
        for (const [index, update] of ours.entries()) {
          if (!('image' in update)) continue;
          const [here, there] = await Promise.all([pixelsOf(update), pixelsOf(theirs[index])]);
          const worst = here.reduce((most, value, at) => Math.max(most, Math.abs(value - there[at]!)), 0);
          // The runtimes are two builds: a rounding may fall to the other side, no more. A preview is lossy.
          expect(worst).toBeLessThanOrEqual(update.type === 'image' ? 1 : 8);
        }
      } finally {
        await inProcess.close();
      }
    });

    it.each(['content', 'style'] as const)('follows a reference of %s as the engine in process does', async (kind) => {
      const bytes = await sharp({ create: { width: 96, height: 64, channels: 3, background: '#d04020' } })
        .png()
        .toBuffer();
      const guided = mosaicBatch({
        previewEverySteps: 0,
        requests: [{ ...mosaicBatch().requests[0]!, images: 1, guidance: [{ kind, bytes, strength: 0.7 }] }],
      });
      const inProcess = await openEngine({ engine: 'onnx', threads: 2, logger });
      try {
        const [ours, theirs, plain] = [
          await shown(inProcess.generate(guided, never)),
          await shown(engine().generate(guided, never)),
          await shown(
            engine().generate(mosaicBatch({ previewEverySteps: 0, requests: [{ ...mosaicBatch().requests[0]!, images: 1 }] }), never),
          ),
        ];
        const [here, there, unconditional] = [await pixelsOf(ours.at(-1)), await pixelsOf(theirs.at(-1)), await pixelsOf(plain.at(-1))];
        const distance = (a: Buffer, b: Buffer) => a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0) / a.length;
        expect(distance(here, there)).toBeLessThan(0.5);
        expect(distance(here, unconditional)).toBeGreaterThan(3);
      } finally {
        await inProcess.close();
      }
    });

    it('generates several batches side by side', async () => {
      const generated = await Promise.all(
        [1, 2, 3].map((seed) =>
          all(engine().generate(mosaicBatch({ requests: [{ ...mosaicBatch().requests[0]!, seed, images: 1 }] }), never)),
        ),
      );
      expect(generated.map((updates) => updates.filter(({ type }) => type === 'image').length)).toEqual([1, 1, 1]);
    });
  });
}
