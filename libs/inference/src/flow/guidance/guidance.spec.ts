import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { DiffusionEngine, GuidanceInput, GenerateBatch, GenerateRequest } from '../../diffusion-engine.js';
import type { GuidanceKind } from '@tessera/models/guidance.js';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import { openEngine } from '../../open-engine.js';
import { OnnxEngine } from '../../onnx/onnx-engine.js';

const logger = pino({ level: 'silent' });
const mapKinds = ['edges', 'depth', 'style', 'content'] as const satisfies GuidanceKind[];
const drawn = (body: string) =>
  sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 128" width="256" height="256">${body}</svg>`))
    .png()
    .toBuffer();
const picture = () =>
  drawn(
    '<rect width="128" height="128" fill="#304060"/><rect y="80" width="128" height="48" fill="#705030"/><circle cx="44" cy="70" r="30" fill="#f0c040"/>',
  );

async function generateWith(
  engine: DiffusionEngine,
  guidance: readonly GuidanceInput[],
  fields: Partial<GenerateRequest> = {},
  batch: Partial<GenerateBatch> = {},
): Promise<Uint8Array> {
  const requests = [
    { requestId: 'r', prompt: 'a dog on a beach', negativePrompt: '', seed: 4, images: 1, style: 'NONE', guidance, ...fields },
  ];
  for await (const update of engine.generate(
    { modelId: 'mosaic-3d', widthPx: 128, heightPx: 128, steps: 4, guidanceScale: 7, previewEverySteps: 0, requests, ...batch },
    new AbortController().signal,
  )) {
    if (update.type === 'image' && update.requestId === 'r') return update.image.bytes;
  }
  throw new Error('The engine ended without a picture');
}

describe('pictures that guide', () => {
  let engine: DiffusionEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: 'onnx', threads: 1, logger });
  });
  afterAll(() => engine.close());
  const guide = async (kind: GuidanceKind, strength: number): Promise<GuidanceInput[]> => [{ kind, bytes: await picture(), strength }];

  it.each(mapKinds)('change no byte as %s of strength 0, and the picture as such of strength 1', async (kind) => {
    const [without, zero, full] = [
      await generateWith(engine, []),
      await generateWith(engine, await guide(kind, 0)),
      await generateWith(engine, await guide(kind, 1)),
    ];
    expect(Buffer.compare(without, zero)).toBe(0);
    expect(Buffer.compare(without, full)).not.toBe(0);
  });

  it.each(['style', 'content'] as const)('draw the colours towards theirs as %s, the more the stronger they are', async (kind) => {
    const reference = (await sharp(await picture()).stats()).channels.map(({ mean }) => mean);
    const distances: number[] = [];
    for (const strength of [0, 0.5, 1]) {
      const { channels } = await sharp(await generateWith(engine, await guide(kind, strength), {}, { steps: 8 })).stats();
      distances.push(Math.hypot(...channels.map(({ mean }, k) => mean - (reference[k] ?? 0))));
    }
    expect(distances).toEqual(distances.toSorted((a, b) => b - a));
    expect(distances[2]).toBeLessThan(0.6 * distances[0]!);
  });

  it('give the same bytes alone and among others that are guided otherwise', async () => {
    const mine = [...(await guide('edges', 0.8)), ...(await guide('style', 0.6))];
    const alone = await generateWith(engine, mine);
    const mates = [
      {
        requestId: 'mate',
        prompt: 'a house in the snow',
        negativePrompt: '',
        seed: 9,
        images: 1,
        style: 'NONE',
        guidance: await guide('content', 1),
      },
      { requestId: 'r', prompt: 'a dog on a beach', negativePrompt: '', seed: 4, images: 1, style: 'NONE', guidance: mine },
    ];
    expect(Buffer.compare(await generateWith(engine, [], {}, { requests: mates }), alone)).toBe(0);
  });

  it('give the same bytes with one thread and with two', async () => {
    const two = await openEngine({ engine: 'onnx', threads: 2, logger });
    const all = [
      ...(await guide('edges', 0.5)),
      ...(await guide('depth', 0.5)),
      ...(await guide('style', 0.5)),
      ...(await guide('content', 0.5)),
    ];
    const [one, other] = [await generateWith(engine, all), await generateWith(two, all)];
    await two.close();
    expect(Buffer.compare(one, other)).toBe(0);
  });

  it('can guide formats that are no square', async () => {
    const bytes = await generateWith(
      engine,
      [...(await guide('edges', 1)), ...(await guide('content', 0.4))],
      {},
      { widthPx: 128, heightPx: 72 },
    );
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 128, height: 72 });
  });

  it.each(mapKinds)('are refused as %s when they cannot be read', async (kind) => {
    await expect(generateWith(engine, [{ kind, bytes: Buffer.from('no picture'), strength: 1 }])).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'unreadable_guidance',
      param: 'guidance',
    });
  });

  it.each(mapKinds)('are refused as %s by a model whose manifest has no input for them', async (kind) => {
    const [manifest] = (await loadFamilies(bundledModelsDir)).filter(isFlow);
    const { guides: _, content: __, style: ___, ...inputs } = manifest!.graphs.conditioning.inputs;
    const { steering: ____, ...plain } = manifest!;
    const simple = new OnnxEngine(
      [{ ...plain, graphs: { ...manifest!.graphs, conditioning: { ...manifest!.graphs.conditioning, inputs } } }],
      1,
      logger,
    );
    await expect(generateWith(simple, await guide(kind, 1))).rejects.toMatchObject({
      reason: 'unsupported_guidance',
      message: expect.stringContaining('mosaic-3d'),
    });
    await simple.close();
  });

  it('are refused when two of them say the same thing', async () => {
    await expect(generateWith(engine, [...(await guide('style', 1)), ...(await guide('style', 0.5))])).rejects.toMatchObject({
      reason: 'guidance_repeated',
    });
  });

  /** A green disc with a magenta belly, before a wall. */
  const beforeAWall = () =>
    drawn(
      '<rect width="128" height="128" fill="#e8e0d0"/><rect y="96" width="128" height="32" fill="#907050"/><circle cx="64" cy="64" r="40" fill="#10b020"/><circle cx="64" cy="64" r="18" fill="#e010c0"/>',
    );

  it('cut a character out that stands before something', async () => {
    const generated = await generateWith(
      engine,
      [{ kind: 'character', bytes: await beforeAWall(), strength: 1 }],
      { prompt: 'a dog in the snow' },
      { steps: 8 },
    );
    const pixels = await sharp(generated).removeAlpha().raw().toBuffer();
    const green = pixels.filter(
      (value, at) => at % 3 === 1 && value > 90 && (pixels[at - 1] ?? 0) < 0.6 * value && (pixels[at + 1] ?? 0) < 0.6 * value,
    ).length;
    expect(green).toBeGreaterThan(400);
  });

  it('lose their background on demand: what is shown stays, the wall becomes see-through', async () => {
    const { widthPx, heightPx, bytes } = await engine.removeBackground('mosaic-3d', await beforeAWall(), new AbortController().signal);
    expect([widthPx, heightPx]).toEqual([256, 256]);
    const alphaAt = async (left: number, top: number) =>
      (await sharp(await sharp(bytes).extract({ left, top, width: 16, height: 16 }).png().toBuffer()).stats()).channels[3]!.mean;
    expect(await alphaAt(120, 120)).toBeGreaterThan(200);
    expect(await alphaAt(4, 4)).toBeLessThan(60);
    await expect(engine.removeBackground('mosaic-3d', Buffer.from('text'), new AbortController().signal)).rejects.toMatchObject({
      reason: 'unreadable_picture',
    });
  });
});

describe('adapters of a batch', () => {
  let engine: DiffusionEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: 'onnx', threads: 1, logger });
  });
  afterAll(() => engine.close());

  it.each([
    ['too many', Array.from({ length: 5 }, () => ({ id: 'x', bytes: new Uint8Array(8), weight: 1 })), 'too_many_adapters'],
    ['an unknown id', [{ id: 'nothing', weight: 1 }], 'unknown_adapter'],
    ['a name of the language', [{ id: 'constructor', weight: 1 }], 'unknown_adapter'],
    ['a weight that is no number', [{ id: 'x', bytes: new Uint8Array(8), weight: Number.NaN }], 'invalid_adapter_weight'],
    ['bytes that are no adapter', [{ id: 'x', bytes: Buffer.from('{"text": true}'), weight: 1 }], 'unreadable_adapter'],
  ])('are refused with %s', async (_what, adapters, reason) => {
    await expect(generateWith(engine, [], {}, { adapters })).rejects.toMatchObject({ kind: 'InvalidArgument', reason, param: 'adapters' });
  });
});
