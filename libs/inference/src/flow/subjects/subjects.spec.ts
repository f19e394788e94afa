import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { DiffusionEngine, GuidanceInput, GenerateBatch, GenerateUpdate } from '../../diffusion-engine.js';
import { openEngine } from '../../open-engine.js';

const drawn = (body: string) =>
  sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="300" height="300">${body}</svg>`))
    .png()
    .toBuffer();
/** Green with a magenta belly: nothing in the bank looks like it. */
const creature = (transform = '') =>
  drawn(
    `<g transform="${transform}"><rect x="20" y="10" width="60" height="80" rx="12" fill="#10c020"/><circle cx="50" cy="55" r="20" fill="#e010c0"/></g>`,
  );

describe('a character', () => {
  let engine: DiffusionEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: 'onnx', threads: 1, logger: pino({ level: 'silent' }) });
  });
  afterAll(() => engine.close());

  const generate = async (prompt: string, guidance: readonly GuidanceInput[], batch: Partial<GenerateBatch> = {}) => {
    const updates: GenerateUpdate[] = [];
    const requests = [{ requestId: 'r', prompt, negativePrompt: '', seed: 3, images: 1, style: 'NONE', guidance }];
    for await (const update of engine.generate(
      { modelId: 'mosaic-3d', widthPx: 128, heightPx: 128, steps: 8, guidanceScale: 7, previewEverySteps: 0, requests, ...batch },
      new AbortController().signal,
    ))
      updates.push(update);
    const image = updates.find((update) => update.type === 'image');
    return { bytes: image!.image.bytes, notices: updates.flatMap((update) => (update.type === 'notice' ? [update.notice.kind] : [])) };
  };
  const character = async (fields: Partial<GuidanceInput> = {}): Promise<GuidanceInput> => ({
    kind: 'character',
    bytes: await creature(),
    strength: 1,
    ...fields,
  });
  /** The share of pixels that are clearly magenta. */
  const magentaShare = async (bytes: Uint8Array) => {
    const pixels = await sharp(bytes).removeAlpha().raw().toBuffer();
    let magenta = 0;
    for (let at = 0; at < pixels.length; at += 3) magenta += pixels[at]! > 130 && pixels[at + 1]! < 90 && pixels[at + 2]! > 110 ? 1 : 0;
    return magenta / (pixels.length / 3);
  };

  it.each([
    ['the thing that the prompt names first', 'a dog in the snow', {}],
    ['the word that is named', 'a cat and a dog in the snow', { subject: 'dog' }],
    ['the word in another number', 'a dog in the snow', { subject: 'dogs' }],
    ['a name that no bank knows', 'Zorblax in the snow', { subject: 'Zorblax' }],
  ])('stands for %s', async (_what, prompt, fields) => {
    const { bytes, notices } = await generate(prompt, [await character(fields)]);
    expect(await magentaShare(bytes)).toBeGreaterThan(0.005);
    expect(notices).toEqual([]);
  });

  it('is added to a prompt that names no thing, and says so', async () => {
    const { bytes, notices } = await generate('snow at night', [await character()]);
    expect(await magentaShare(bytes)).toBeGreaterThan(0.002);
    expect(notices).toEqual(['character_added']);
  });

  it('gives way to the thing itself as its strength falls', async () => {
    const shares: number[] = [];
    for (const strength of [1, 0.5, 0])
      shares.push(await magentaShare((await generate('a dog in the snow', [await character({ strength })])).bytes));
    expect(shares[0]).toBeGreaterThan(shares[1]!);
    expect(shares[2]).toBe(0);
  });

  it('with strength 0 changes no byte', async () => {
    const [without, zero] = [
      await generate('a dog in the snow', []),
      await generate('a dog in the snow', [await character({ strength: 0 })]),
    ];
    expect(Buffer.compare(without.bytes, zero.bytes)).toBe(0);
  });

  it('is the same wherever it stands in its picture, and however large', async () => {
    const moved = await character({ bytes: await creature('translate(30 28) scale(0.6)') });
    const [a, b] = [await generate('a dog in the snow', [await character()]), await generate('a dog in the snow', [moved])];
    expect(Math.abs((await magentaShare(a.bytes)) - (await magentaShare(b.bytes)))).toBeLessThan(0.02);
  });

  it.each([
    ['a word that the prompt does not name', 'a dog', { subject: 'violin' }, 'unknown_subject'],
    ['a picture that is none', 'a dog', { bytes: Buffer.from('no picture') }, 'unreadable_guidance'],
    ['a strength out of range', 'a dog', { strength: 1.5 }, 'invalid_guidance_strength'],
  ])('is refused with %s', async (_what, prompt, fields, reason) => {
    await expect(generate(prompt, [await character(fields)])).rejects.toMatchObject({ kind: 'InvalidArgument', reason, param: 'guidance' });
  });

  it('is refused when nothing of it is opaque', async () => {
    await expect(generate('a dog', [await character({ bytes: await drawn('') })])).rejects.toMatchObject({ reason: 'empty_character' });
  });

  it('is refused when there are six pictures', async () => {
    const one = await character();
    await expect(
      generate(
        'a dog',
        Array.from({ length: 6 }, () => one),
      ),
    ).rejects.toMatchObject({ reason: 'too_many_guides' });
  });
});
