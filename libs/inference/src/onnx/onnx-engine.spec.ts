import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import { describeDiffusionEngineConformance } from '../diffusion-engine.conformance.js';
import type { GenerateBatch, GenerateRequest, GenerateUpdate } from '../diffusion-engine.js';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import { openEngine } from '../open-engine.js';
import { OnnxEngine } from './onnx-engine.js';

const logger = pino({ level: 'silent' });
const open = (threads = 1) => openEngine({ engine: 'onnx', threads, logger });

describeDiffusionEngineConformance('onnx', () => open());

async function generateWith(
  threads: number,
  fields: Partial<GenerateRequest>,
  batch: Partial<GenerateBatch> = {},
): Promise<{ bytes: Uint8Array; notices: string[] }> {
  const engine = await open(threads);
  try {
    const requests = [{ requestId: 'r', prompt: 'a dog', negativePrompt: '', seed: 1, images: 1, style: 'NONE', ...fields }];
    const updates: GenerateUpdate[] = [];
    const whole = {
      modelId: 'mosaic-3d',
      widthPx: 128,
      heightPx: 128,
      steps: 4,
      guidanceScale: 7,
      previewEverySteps: 0,
      requests,
      ...batch,
    };
    for await (const update of engine.generate(whole, new AbortController().signal)) updates.push(update);
    const image = updates.find((update) => update.type === 'image');
    return { bytes: image!.image.bytes, notices: updates.flatMap((update) => (update.type === 'notice' ? [update.notice.kind] : [])) };
  } finally {
    await engine.close();
  }
}

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const meanOf = async (bytes: Uint8Array) => (await sharp(bytes).stats()).channels.map(({ mean }) => mean) as [number, number, number];

describe('OnnxEngine', () => {
  it('generates the same bytes with one thread and with two', async () => {
    const [one, two] = [
      await generateWith(1, {}, { widthPx: 256, heightPx: 256 }),
      await generateWith(2, {}, { widthPx: 256, heightPx: 256 }),
    ];
    expect(sha(one.bytes)).toBe(sha(two.bytes));
  });

  it('generates what was asked: a red heart on blue is red in the middle and blue at the edge', async () => {
    const { bytes } = await generateWith(1, { prompt: 'a big red heart on a blue background' }, { steps: 12 });
    const area = async (left: number, top: number) =>
      meanOf(await sharp(bytes).extract({ left, top, width: 12, height: 12 }).png().toBuffer());
    const [middleRed, , middleBlue] = await area(58, 58);
    const [edgeRed, , edgeBlue] = await area(2, 2);
    expect(middleRed).toBeGreaterThan(middleBlue);
    expect(edgeBlue).toBeGreaterThan(edgeRed);
  });

  it.each([
    [384, 216],
    [216, 384],
    [1024, 32],
    [40, 32],
  ])('delivers %d x %d', async (widthPx, heightPx) => {
    const { bytes } = await generateWith(1, {}, { widthPx, heightPx, steps: 1 });
    expect(await sharp(bytes).metadata()).toMatchObject({ width: widthPx, height: heightPx, format: 'png' });
  });

  it('generates a wide picture in one piece: a thing stands in it once, and the sky is as light on the left as on the right', async () => {
    const { bytes } = await generateWith(1, { prompt: 'a red heart in the sky' }, { widthPx: 512, heightPx: 288, steps: 12 });
    const rednessOf = async (left: number, width: number) => {
      const [red, , blue] = await meanOf(await sharp(bytes).extract({ left, top: 0, width, height: 288 }).png().toBuffer());
      return red - blue;
    };
    const [left, middle, right] = [await rednessOf(0, 96), await rednessOf(192, 128), await rednessOf(416, 96)];
    expect(middle).toBeGreaterThan(Math.max(left, right) + 30);
    expect(Math.abs(left - right)).toBeLessThan(30);
  });

  it('says that a distilled model does without a negative prompt', async () => {
    expect((await generateWith(1, { negativePrompt: 'grass' }, { modelId: 'mosaic-turbo', steps: 2 })).notices).toEqual([
      'negative_prompt_ignored',
    ]);
    expect((await generateWith(1, {}, { modelId: 'mosaic-turbo', steps: 2 })).notices).toEqual([]);
  });

  it('starts from an init image, and keeps it when the strength is one', async () => {
    const bytes = await sharp({ create: { width: 300, height: 200, channels: 3, background: '#30a040' } })
      .jpeg()
      .toBuffer();
    const generated = await generateWith(1, { initImage: { bytes, strength: 1 } });
    const [red, green, blue] = await meanOf(generated.bytes);
    expect(green).toBeGreaterThan(red + 40);
    expect(green).toBeGreaterThan(blue + 40);
  });

  it('grades the picture by its style, and says so when it has no such style', async () => {
    const grey = await generateWith(1, { style: 'MONOCHROME' });
    const [red, green, blue] = await meanOf(grey.bytes);
    expect(Math.max(red, green, blue) - Math.min(red, green, blue)).toBeLessThan(1);
    expect((await generateWith(1, { style: 'NOSUCH' })).notices).toEqual(['style_left_out']);
  });

  it('leads away from what the negative prompt names', async () => {
    const [plain, away] = [
      await generateWith(1, { prompt: 'a dog' }),
      await generateWith(1, { prompt: 'a dog', negativePrompt: 'a green background' }),
    ];
    expect(sha(plain.bytes)).not.toBe(sha(away.bytes));
  });

  it('reports words it could not generate', async () => {
    expect((await generateWith(1, { prompt: 'a zeppelin, a dog, a cat, a cow and a pig' })).notices).toEqual([
      'unknown_word',
      'concept_left_out',
    ]);
  });

  it('fails what it was generating when its thread dies, and generates on with a new one', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'inference-'));
    const died = path.join(folder, 'died');
    const mortal = path.join(folder, 'mortal.worker.mjs');
    const real = new URL('./onnx.worker.js', import.meta.url).href;
    await writeFile(
      mortal,
      `import fs from 'node:fs';\nif (!fs.existsSync(${JSON.stringify(died)})) { fs.writeFileSync(${JSON.stringify(died)}, ''); process.exit(1); }\nawait import(${JSON.stringify(real)});\n`,
    );
    const engine = new OnnxEngine((await loadFamilies(bundledModelsDir)).filter(isFlow), 1, logger, pathToFileURL(mortal));
    await expect(engine.warm('mosaic-3d')).rejects.toMatchObject({ kind: 'Unavailable', reason: 'engine_unavailable', retryable: true });
    await expect(engine.warm('mosaic-3d')).resolves.toBeUndefined();
    await engine.close();
  });
});
