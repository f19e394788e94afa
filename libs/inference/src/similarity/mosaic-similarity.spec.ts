import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import sharp from 'sharp';
import type { DiffusionEngine } from '../diffusion-engine.js';
import { openEngine } from '../open-engine.js';
import { openSimilarity } from '../open-similarity.js';
import type { Similarity } from './similarity.js';

const svg = (body: string) =>
  sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="300" height="300">${body}</svg>`))
    .png()
    .toBuffer();
const figure = (coat: string) =>
  `<circle cx="50" cy="24" r="17" fill="#f0c090"/><circle cx="44" cy="22" r="3" fill="#203040"/><circle cx="56" cy="22" r="3" fill="#203040"/>` +
  `<path d="M30 38 L70 38 L80 92 L20 92 Z" fill="${coat}"/>`;
const [green, magenta] = ['#10a030', '#d010b0'];
const character = (coat = green, transform = '') => svg(`<g transform="${transform}">${figure(coat)}</g>`);
const other = () =>
  svg('<rect x="5" y="35" width="90" height="40" rx="18" fill="#3050e0"/><circle cx="25" cy="78" r="14" fill="#101010"/>');

describe('the similarity to a character', () => {
  let similarity: Similarity;
  let engine: DiffusionEngine;
  let reference: Uint8Array;
  beforeAll(async () => {
    similarity = (await openSimilarity({ threads: 1, logger: pino({ level: 'silent' }) }))!;
    engine = await openEngine({ engine: 'onnx', threads: 1, logger: pino({ level: 'silent' }) });
    reference = await character();
  });
  afterAll(async () => {
    await similarity.close();
    await engine.close();
  });

  it('is whole for the reference itself, and the same each time', async () => {
    const likeness = await similarity.compare([reference], reference);
    for (const score of [likeness.facets.head, likeness.facets.colours, likeness.facets.body, likeness.overall, likeness.facets.angle])
      expect(score).toBeCloseTo(1, 5);
    expect(likeness.measuredBy).toMatch(/^mosaic-.*\/1$/);
    expect(await similarity.compare([await character()], reference)).toEqual(likeness);
  });

  it('of a recoloured coat is lost in the colours, and kept in head and body', async () => {
    const { facets } = await similarity.compare([reference], await character(magenta));
    expect(facets.colours).toBeLessThan(0.5);
    expect(facets.head).toBeGreaterThan(0.6);
    expect(facets.body).toBeGreaterThan(facets.colours);
  });

  it('knows another thing by every facet', async () => {
    const { facets, overall } = await similarity.compare([reference], await other());
    for (const score of [facets.head, facets.colours, facets.body, overall]) expect(score).toBeLessThan(0.5);
  });

  it('of a turned or mirrored picture stays, and its angle tells how far it is turned', async () => {
    const upright = await similarity.compare([reference], await character(green, 'translate(20 20) scale(.6)'));
    const turned = await similarity.compare([reference], await character(green, 'rotate(24 50 50) translate(20 20) scale(.6)'));
    const mirrored = await similarity.compare([reference], await character(green, 'translate(80 20) scale(-.6 .6)'));
    for (const { overall } of [upright, turned, mirrored]) expect(overall).toBeGreaterThan(0.75);
    expect(upright.facets.angle).toBe(1);
    expect(turned.facets.angle).toBeCloseTo(1 - 24 / 90, 5);
  });

  it('has no angle where the silhouette tells none', async () => {
    const ball = await svg('<circle cx="50" cy="50" r="40" fill="#e02020"/>');
    expect((await similarity.compare([ball], ball)).facets).not.toHaveProperty('angle');
  });

  it('counts the reference that is nearest, and the thing in the picture that is', async () => {
    const both = await svg(
      `<g transform="translate(5 5) scale(.45)">${figure(green)}</g><rect x="52" y="55" width="44" height="40" fill="#3050e0"/>`,
    );
    const [alone, among] = [await similarity.compare([reference], both), await similarity.compare([await other(), reference], both)];
    expect(alone.overall).toBeGreaterThan(0.75);
    expect(among.overall).toBeGreaterThanOrEqual(alone.overall);
  });

  it('is 0 for a picture that shows nothing', async () => {
    expect(await similarity.compare([reference], await svg(''))).toMatchObject({ facets: { head: 0, colours: 0, body: 0 }, overall: 0 });
  });

  it('is refused for references that show nothing, and for what is no picture', async () => {
    await expect(similarity.compare([await svg('')], reference)).rejects.toMatchObject({ reason: 'empty_character' });
    await expect(similarity.compare([reference], Buffer.from('no picture'))).rejects.toMatchObject({ reason: 'unreadable_picture' });
  });

  it('tells what Mosaic makes of a character from what it makes of another', async () => {
    const pictured = async (bytes: Uint8Array) => {
      const guidance = [{ kind: 'character' as const, bytes, strength: 1, subject: 'Zorblax' }];
      const request = { requestId: 'r', prompt: 'Zorblax in a meadow', negativePrompt: '', seed: 3, images: 1, style: 'NONE', guidance };
      const batch = {
        modelId: 'mosaic-3d',
        widthPx: 256,
        heightPx: 256,
        steps: 8,
        guidanceScale: 7,
        previewEverySteps: 0,
        requests: [request],
      };
      for await (const update of engine.generate(batch, new AbortController().signal))
        if (update.type === 'image') return update.image.bytes;
      throw new Error('no picture');
    };
    const [own, foreign] = [await pictured(reference), await pictured(await other())];
    const [same, different] = [await similarity.compare([reference], own), await similarity.compare([reference], foreign)];
    for (const facet of ['head', 'colours', 'body'] as const) expect(same.facets[facet]).toBeGreaterThan(different.facets[facet]);
    expect(same.overall).toBeGreaterThan(0.5);
    expect(different.overall).toBeLessThan(0.5);
  });
});
