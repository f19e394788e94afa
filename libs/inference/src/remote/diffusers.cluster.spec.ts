import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import { withTinyPipelines } from '@tessera/servers/diffusers-packages.js';
import { pythonPackages } from '@tessera/servers/python-packages.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { startTriton } from '@tessera/servers/triton.js';
import type { DiffusionEngine, GenerateBatch, GenerateUpdate } from '../diffusion-engine.js';
import { openEngine } from '../open-engine.js';

const never = new AbortController().signal;
const request = { requestId: 'a', prompt: 'a red fox', negativePrompt: 'blue', seed: 7, images: 2, style: 'NONE' };
const batch = (modelId: string, fields: Partial<GenerateBatch> = {}): GenerateBatch => ({
  modelId,
  widthPx: 128,
  heightPx: 96,
  steps: 4,
  guidanceScale: 7,
  previewEverySteps: 2,
  requests: [request],
  ...fields,
});

/** Loading torch for the first time takes minutes on a busy machine. */
const startsWithinMs = 10 * 60_000;
/** One pipeline stays loaded, so a test may load another first. */
const generatedWithinMs = 5 * 60_000;

describe.each(['triton', 'python'] as const)('diffusers pipelines of random weights, engine "%s"', (kind) => {
  let modelsDir: string;
  let triton: RunningServer | undefined;
  let engine: DiffusionEngine;
  beforeAll(async () => {
    modelsDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-tiny-'));
    const tritonOptions = await withTinyPipelines(modelsDir);
    triton = kind === 'triton' ? await startTriton(tritonOptions) : undefined;
    const pythonProgram = kind === 'python' ? await pythonPackages({ withTorch: true }) : undefined;
    const logger = pino({ level: 'silent' });
    engine = await openEngine({ engine: kind, tritonUrl: triton?.url, pythonProgram, modelsDir, threads: 2, logger });
    await engine.warm('sdxl-tiny');
  }, startsWithinMs);
  afterAll(async () => {
    await engine?.close();
    await triton?.stop();
    await fs.rm(modelsDir, { recursive: true, force: true });
  });

  async function generate(asked: GenerateBatch, signal = never): Promise<GenerateUpdate[]> {
    const updates: GenerateUpdate[] = [];
    for await (const update of engine.generate(asked, signal)) updates.push(update);
    return updates;
  }
  const imagesOf = (updates: readonly GenerateUpdate[]) =>
    updates.flatMap((update) => (update.type === 'image' ? [Buffer.from(update.image.bytes).toString('base64')] : []));

  describe.each(['flux-tiny', 'sdxl-tiny'])('%s', (modelId) => {
    it(
      'counts its steps, previews and delivers pictures of the size that was asked for',
      async () => {
        const updates = await generate(batch(modelId));
        expect(updates.flatMap((update) => (update.type === 'step' ? [update.step] : []))).toEqual([1, 2, 3, 4]);
        expect(updates.flatMap((update) => (update.type === 'preview' ? [[update.index, update.step]] : []))).toEqual([
          [0, 2],
          [1, 2],
        ]);
        const images = updates.filter((update) => update.type === 'image');
        for (const { image } of images)
          expect(await sharp(image.bytes).metadata()).toMatchObject({ format: 'png', width: 128, height: 96 });
        expect(new Set(imagesOf(updates)).size).toBe(2);
      },
      generatedWithinMs,
    );

    it(
      'generates with a LoRA when its variant names one, and without it again afterwards',
      async () => {
        const [before, loud, after] = [
          imagesOf(await generate(batch(modelId))),
          imagesOf(await generate(batch(`${modelId}-loud`))),
          imagesOf(await generate(batch(modelId))),
        ];
        expect(loud).toHaveLength(2);
        expect(loud[0]).not.toBe(before[0]);
        expect(after).toEqual(before);
      },
      generatedWithinMs,
    );
  });

  it(
    'generates the same bytes for a seed, alone or among batch-mates',
    async () => {
      const alone = imagesOf(await generate(batch('sdxl-tiny', { requests: [{ ...request, seed: 8, images: 1 }] })));
      const together = imagesOf(
        await generate(batch('sdxl-tiny', { requests: [{ ...request, requestId: 'mate', prompt: 'two dogs' }, request] })),
      );
      expect(together[3]).toBe(alone[0]);
    },
    generatedWithinMs,
  );

  it(
    'stops at the next step when the signal is aborted, and generates on',
    async () => {
      const controller = new AbortController();
      const cancelled = (async () => {
        for await (const update of engine.generate(batch('flux-tiny', { steps: 60 }), controller.signal))
          if (update.type === 'step') controller.abort();
      })();
      await expect(cancelled).rejects.toMatchObject({ kind: 'Cancelled' });
      expect(imagesOf(await generate(batch('flux-tiny')))).toHaveLength(2);
    },
    generatedWithinMs,
  );

  it(
    'refuses a LoRA file that is not there, and says which',
    async () => {
      await fs.rm(path.join(modelsDir, 'sdxl-tiny', 'adapters', 'loud.safetensors'));
      await expect(generate(batch('sdxl-tiny-loud'))).rejects.toMatchObject({
        kind: 'InvalidArgument',
        reason: 'unknown_adapter',
        message: expect.stringContaining('loud.safetensors'),
      });
    },
    generatedWithinMs,
  );
});
