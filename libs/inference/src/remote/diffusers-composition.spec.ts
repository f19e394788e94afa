import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadFamilies, type Family } from '@tessera/models/families.js';
import { diffusersFolder } from '@tessera/models/testing/diffusers-folder.js';
import { unavailable } from '@tessera/platform/errors.js';
import { pino } from 'pino';
import sharp from 'sharp';
import { BundledTools } from '../bundled-tools.js';
import type { GenerateBatch, GenerateRequest, GenerateUpdate } from '../diffusion-engine.js';
import { RecordingTasks } from './recording-tasks.fixture.js';
import { RemoteEngine } from './remote-engine.js';

const [widthPx, heightPx] = [96, 64];
const flat = (background: string, width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
/** Left half black, right half white. */
const halves = async () =>
  sharp(await flat('#000', 96, 64))
    .composite([{ input: await flat('#fff', 48, 64), left: 48, top: 0 }])
    .png()
    .toBuffer();

describe('what a request brings along to a diffusers family', () => {
  let modelsDir: string;
  let families: readonly Family[];
  let tasks: RecordingTasks;
  let engine: RemoteEngine;
  beforeAll(async () => {
    modelsDir = await diffusersFolder([
      {
        className: 'StableDiffusionXLPipeline',
        modelId: 'sdxl',
        manifest: {
          controlNets: [{ kinds: ['edges', 'depth', 'pose'], folder: 'controlnet' }],
          ipAdapters: [{ kinds: ['style', 'character'], file: 'ip.safetensors', imageEncoderFolder: 'encoder' }],
          adapterFiles: { ink: 'adapters/ink.safetensors' },
        },
      },
      { className: 'FluxKontextPipeline', modelId: 'kontext' },
    ]);
    families = await loadFamilies(modelsDir);
  });
  afterAll(() => rm(modelsDir, { recursive: true, force: true }));
  beforeEach(() => {
    tasks = new RecordingTasks();
    engine = new RemoteEngine(
      'triton',
      families,
      tasks,
      pino({ level: 'silent' }),
      new BundledTools(() => Promise.reject(new Error('no picture is enlarged here'))),
    );
  });

  async function generate(request: Partial<GenerateRequest>, batch: Partial<GenerateBatch> = {}): Promise<GenerateUpdate[]> {
    const requests = [{ requestId: 'r', prompt: 'a fox', negativePrompt: '', seed: 5, images: 1, style: 'NONE', ...request }];
    const updates: GenerateUpdate[] = [];
    const asked = { modelId: 'sdxl', widthPx, heightPx, steps: 4, guidanceScale: 5, previewEverySteps: 0, requests, ...batch };
    for await (const update of engine.generate(asked, new AbortController().signal)) updates.push(update);
    return updates;
  }
  const sent = () => tasks.paints[0]!;
  const shapes = () => Object.fromEntries([...sent().tensors].map(([name, { dims }]) => [name, dims]));
  const noticesOf = (updates: GenerateUpdate[]) => updates.flatMap((update) => (update.type === 'notice' ? [update.notice.kind] : []));
  const pixelsOf = async (updates: GenerateUpdate[]) => {
    const image = updates.find((update) => update.type === 'image')!;
    return sharp(image.image.bytes).removeAlpha().raw().toBuffer();
  };

  it('is nothing but words for text to image, one entry for each picture', async () => {
    await generate({ images: 2, negativePrompt: 'blurry' });
    expect(sent().task).toMatchObject({
      adapters: [],
      pictures: [5, 6].map((seed) => ({ prompt: 'a fox', negativePrompt: 'blurry', seed })),
    });
    expect(shapes()).toEqual({});
  });

  it('is an init image, laid over the delivered picture', async () => {
    await generate({ images: 2, initImage: { bytes: await flat('#102030', 200, 200), strength: 0.4 } });
    expect(sent().task.pictures).toMatchObject([1, 2].map(() => ({ init: { strength: 0.4, hasMask: false } })));
    expect(shapes()).toEqual({ '0/init': [64, 96, 3], '1/init': [64, 96, 3] });
    expect(Buffer.from(sent().tensors.get('0/init')!.data as Uint8Array).equals(Buffer.alloc(96 * 64 * 3, Buffer.from([16, 32, 48])))).toBe(
      true,
    );
  });

  it('is a mask that says what is generated anew, and what it keeps stays to the byte', async () => {
    const updates = await generate({ initImage: { bytes: await flat('#ff0000', 96, 64), strength: 0, mask: await halves() } });
    expect(sent().task.pictures).toMatchObject([{ init: { hasMask: true } }]);
    expect(shapes()).toEqual({ '0/init': [64, 96, 3], '0/mask': [64, 96] });
    const mask = sent().tensors.get('0/mask')!.data;
    expect([mask[0], mask[47], mask[48], mask[95]]).toEqual([0, 0, 255, 255]);
    const pixels = await pixelsOf(updates);
    for (const y of [0, 30, 63])
      for (const x of [0, 47]) expect([...pixels.subarray(3 * (y * 96 + x), 3 * (y * 96 + x) + 3)]).toEqual([255, 0, 0]);
    expect(pixels[3 * 95]).not.toBe(255);
  });

  it('is a placement: what the init image does not cover is generated', async () => {
    const placement = { leftPx: 32, topPx: 16, widthPx: 32, heightPx: 32 };
    await generate({ initImage: { bytes: await flat('#00ff00', 10, 10), strength: 0, placement } });
    const mask = sent().tensors.get('0/mask')!.data as Uint8Array;
    expect(mask.filter((level) => level === 0)).toHaveLength(32 * 32);
    expect(mask[16 * 96 + 32]).toBe(0);
  });

  it('is a picture to edit, as it is, where the class edits', async () => {
    const updates = await generate({ initImage: { bytes: await flat('#123456', 40, 30), strength: 0.9 } }, { modelId: 'kontext' });
    expect(sent().task.pictures).toEqual([{ prompt: 'a fox', negativePrompt: '', seed: 5, edit: true }]);
    expect(shapes()).toEqual({ '0/edit/0': [30, 40, 3] });
    expect(noticesOf(updates)).toEqual(['init_strength_ignored']);
  });

  it('is guides: outlines are drawn from the picture, maps lie over it, references are as they are', async () => {
    const bytes = await halves();
    const guidance = (['edges', 'depth', 'pose', 'style', 'character'] as const).map((kind) => ({ kind, bytes, strength: 0.7 }));
    const reference = await flat('#fff', 50, 20);
    await generate({ guidance: [...guidance.slice(0, 4), { kind: 'character', bytes: reference, strength: 1 }] });
    expect(sent().task.pictures).toMatchObject([
      { guides: [...guidance.slice(0, 4).map(({ kind }) => ({ kind, strength: 0.7 })), { kind: 'character', strength: 1 }] },
    ]);
    expect(shapes()).toEqual({
      '0/guides/0': [64, 96, 3],
      '0/guides/1': [64, 96, 3],
      '0/guides/2': [64, 96, 3],
      '0/guides/3': [64, 96, 3],
      '0/guides/4': [20, 50, 3],
    });
    const row = (name: string) =>
      [
        ...sent()
          .tensors.get(name)!
          .data.subarray(0, 96 * 3),
      ]
        .filter((_, at) => at % 3 === 0)
        .map(Number);
    expect(row('0/guides/0').flatMap((level, x) => (level === 255 ? [x] : []))).toEqual([47]);
    expect(row('0/guides/1')).toEqual(Array.from({ length: 96 }, (_, x) => (x < 48 ? 0 : 255)));
  });

  it('leaves out guides that are to be ignored, and says what will not act', async () => {
    const bytes = await halves();
    const updates = await generate(
      {
        negativePrompt: 'blurry',
        style: 'ANIME',
        guidance: [
          { kind: 'depth', bytes, strength: 0 },
          { kind: 'character', bytes, strength: 1, subject: 'fox' },
        ],
      },
      { guidanceScale: 1 },
    );
    expect(Object.keys(shapes())).toEqual(['0/guides/0']);
    expect(noticesOf(updates)).toEqual(['style_left_out', 'subject_left_out', 'negative_prompt_ignored']);
  });

  it('passes on once what the other side says of its pictures, and not what was said already', async () => {
    const cut = { kind: 'prompt_cut', message: 'The prompt was cut.' };
    tasks.events = [
      { type: 'notice', picture: 0, ...cut },
      { type: 'notice', picture: 1, ...cut },
      { type: 'notice', picture: 0, kind: 'negative_prompt_ignored', message: 'In other words.' },
    ];
    const updates = await generate({ images: 2, negativePrompt: 'blurry' }, { guidanceScale: 1 });
    expect(updates.filter(({ type }) => type === 'notice')).toMatchObject([
      { requestId: 'r', notice: { kind: 'negative_prompt_ignored', message: expect.stringContaining('sdxl') } },
      { requestId: 'r', notice: cut },
    ]);
  });

  it.each([
    ['a size that the class rounds', 'kontext', {}, { widthPx: 104 }, 'unsupported_size'],
    [
      'a mask where it keeps nothing',
      'kontext',
      { initImage: { bytes: new Uint8Array(1), strength: 0, mask: new Uint8Array(1) } },
      {},
      'unsupported_mask',
    ],
    [
      'a guide without weights for it',
      'kontext',
      { guidance: [{ kind: 'edges' as const, bytes: new Uint8Array(1), strength: 1 }] },
      {},
      'unsupported_guidance',
    ],
    ['an adapter that its manifest does not name', 'sdxl', {}, { adapters: [{ id: 'oil', weight: 1 }] }, 'unknown_adapter'],
    ['an init image that is none', 'sdxl', { initImage: { bytes: Buffer.from('text'), strength: 0.5 } }, {}, 'unreadable_init_image'],
  ])('is refused for %s, and nothing is sent', async (_what, modelId, request, batch, reason) => {
    await expect(generate(request, { modelId, ...batch })).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
    expect(tasks.asked).toEqual([]);
  });

  it('never becomes a picture of another size that is stretched', async () => {
    tasks.extraWidthPx = 16;
    await expect(generate({})).rejects.toMatchObject({ kind: 'Internal', message: expect.stringContaining('112 x 64') });
  });

  describe('as adapters', () => {
    const bytes = Buffer.from('a LoRA file');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const absent = (...digests: string[]) => unavailable('adapter_absent', `Adapters are missing: ${digests.join(' ')}`);
    const adapters = [
      { id: 'ink', weight: 0.5 },
      { id: '', bytes, weight: -1 },
    ];
    const kinds = () => tasks.asked.map(({ task }) => task.task);

    it('is named by its file or its digest, and sends no bytes that are there', async () => {
      await generate({}, { adapters });
      expect(sent().task.adapters).toEqual([
        { file: 'adapters/ink.safetensors', weight: 0.5 },
        { sha256, weight: -1 },
      ]);
      expect(kinds()).toEqual(['paint']);
    });

    it('sends the bytes that are missed, and asks once more', async () => {
      tasks.refusals = [absent(sha256)];
      const updates = await generate({}, { adapters });
      expect(kinds()).toEqual(['paint', 'adapter', 'paint']);
      expect(tasks.asked[1]).toMatchObject({ task: { task: 'adapter', sha256 } });
      expect(Buffer.from(tasks.asked[1]!.tensors.get('bytes')!.data as Uint8Array)).toEqual(bytes);
      expect(updates.filter(({ type }) => type === 'image')).toHaveLength(1);
    });

    it.each([
      ['they are missed again', [absent(sha256), absent(sha256)], ['paint', 'adapter', 'paint']],
      ['others are missed', [absent('0'.repeat(64))], ['paint']],
    ])('gives up when %s', async (_when, refusals, expected) => {
      tasks.refusals = refusals;
      await expect(generate({}, { adapters })).rejects.toMatchObject({ reason: 'adapter_absent' });
      expect(kinds()).toEqual(expected);
    });
  });
});
