import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { startTriton } from '@tessera/servers/triton.js';
import { describeDiffusionEngineConformance } from '../diffusion-engine.conformance.js';
import type { DiffusionEngine, PaintBatch, PaintUpdate } from '../diffusion-engine.js';
import { loadFamilies } from '../manifest.js';
import { openEngine } from '../open-engine.js';
import { TritonEngine } from './triton-engine.js';

const logger = pino({ level: 'silent' });
const never = new AbortController().signal;
const batch = (fields: Partial<PaintBatch> = {}): PaintBatch => ({
  modelId: 'mosaic-3d', widthPx: 512, heightPx: 320, steps: 8, guidanceScale: 7, previewEverySteps: 3,
  requests: [{ requestId: 'a', prompt: 'a blue cat on top of a chair in the snow', negativePrompt: 'dark', seed: 11, images: 2, style: 'VIBRANT' }],
  ...fields,
});

async function all(updates: AsyncIterable<PaintUpdate>): Promise<PaintUpdate[]> {
  const list: PaintUpdate[] = [];
  for await (const update of updates) list.push(update);
  return list;
}

async function pixelsOf(update: PaintUpdate | undefined): Promise<Buffer> {
  if (!update || !('image' in update)) throw new Error('no picture');
  return sharp(update.image.bytes).raw().toBuffer();
}

describe('Triton as an engine', () => {
  let triton: RunningServer;
  let engine: DiffusionEngine;
  const open = () => openEngine({ engine: 'triton', tritonUrl: triton.url, threads: 2, logger });
  beforeAll(async () => {
    triton = await startTriton();
    engine = await open();
  }, 120_000);
  afterAll(async () => {
    await engine?.close();
    await triton?.stop();
  });

  describeDiffusionEngineConformance('triton', open);

  it('paints the pictures that the engine in process paints', async () => {
    const inProcess = await openEngine({ engine: 'onnx', threads: 2, logger });
    try {
      const [ours, theirs] = [await all(inProcess.paint(batch(), never)), await all(engine.paint(batch(), never))];
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

  it('paints several batches side by side over one connection', async () => {
    const painted = await Promise.all([1, 2, 3].map((seed) => all(engine.paint(batch({ requests: [{ ...batch().requests[0]!, seed, images: 1 }] }), never))));
    expect(painted.map((updates) => updates.filter(({ type }) => type === 'image').length)).toEqual([1, 1, 1]);
  });

  describe('says what to do', () => {
    let modelsDir: string;
    beforeEach(async () => {
      modelsDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-models-'));
    });
    afterEach(() => fs.rm(modelsDir, { recursive: true, force: true }));
    const warming = async (folder: string, version: string, url: string) => {
      const manifest = JSON.parse(await fs.readFile(path.resolve(import.meta.dirname, '../../../../models/mosaic/manifest.json'), 'utf8')) as object;
      await fs.mkdir(path.join(modelsDir, folder));
      await fs.writeFile(path.join(modelsDir, folder, 'manifest.json'), JSON.stringify({ ...manifest, version }));
      const other = new TritonEngine(await loadFamilies(modelsDir), url, logger, 1_000);
      return other.warm('mosaic-3d').finally(() => other.close());
    };

    it('when no Triton answers', async () => {
      await expect(warming('mosaic', '1', 'http://127.0.0.1:1')).rejects.toMatchObject({ kind: 'Unavailable', message: expect.stringContaining('set TESSERA_TRITON_URL') });
    });

    it('when Triton holds another version of the weights', async () => {
      await expect(warming('mosaic', '9.9.9', triton.url)).rejects.toMatchObject({ kind: 'Unavailable', message: expect.stringContaining('version 9.9.9') });
    });

    it('when Triton reads another folder of models', async () => {
      await expect(warming('elsewhere', '1', triton.url)).rejects.toMatchObject({ kind: 'Unavailable', message: expect.stringContaining('no folder "elsewhere"') });
    });
  });

  it('fails what is in flight when Triton is killed, and paints again when it is back', async () => {
    const painting = (async () => {
      for await (const update of engine.paint(batch({ steps: 60 }), never)) if (update.type === 'step' && update.step === 2) await triton.kill();
    })();
    await expect(painting).rejects.toMatchObject({ kind: 'Unavailable', reason: 'engine_unavailable' });
    await expect(all(engine.paint(batch(), never))).rejects.toMatchObject({ kind: 'Unavailable', reason: 'engine_unavailable' });
    await triton.restart();
    await engine.warm('mosaic-3d');
    expect((await all(engine.paint(batch(), never))).filter(({ type }) => type === 'image')).toHaveLength(2);
  }, 120_000);
});
