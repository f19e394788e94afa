import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { figuresOf, type ProofInput, type SamplePair, type ValidationPoint } from './figures.js';
import { type PictureFeatures, readFeatures } from './picture-features.js';
import { verdictOf } from './verdict.js';

/** A drawn picture: what it shows (a shape at a place), and how it is coloured. */
type Drawn = { readonly shape: 'disc' | 'bar' | 'tower' | 'star'; readonly x: number; readonly ink: string; readonly ground: string };
const shapes = {
  disc: '<circle cx="0" cy="0" r="26"/>',
  bar: '<rect x="-30" y="-8" width="60" height="16"/>',
  tower: '<rect x="-8" y="-40" width="16" height="80"/>',
  star: '<path d="M0-34 9-9 34 0 9 9 0 34-9 9-34 0-9-9z"/>',
} as const;
const featuresOf = async ({ shape, x, ink, ground }: Drawn): Promise<PictureFeatures> => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 128"><rect width="128" height="128" fill="${ground}"/><g transform="translate(${x} 64)" fill="${ink}">${shapes[shape]}</g></svg>`;
  return readFeatures(await sharp(Buffer.from(svg)).png().toBuffer(), 1, async () => undefined);
};
const plain = { ink: '#e04040', ground: '#f4f4f4' };
const dusk = { ink: '#301060', ground: '#f0a040' };
const places = [34, 64, 94] as const;

/** Three shapes in the style, and samples of the fourth. */
const set = () => Promise.all((['disc', 'bar', 'tower'] as const).map((shape, k) => featuresOf({ shape, x: places[k]!, ...dusk })));
const pairs = (withIt: (x: number) => Drawn): Promise<SamplePair[]> =>
  Promise.all(
    places.map(async (x) => ({
      prompt: 'a star',
      without: await featuresOf({ shape: 'star', x, ...plain }),
      withIt: await featuresOf(withIt(x)),
    })),
  );
const falling: ValidationPoint[] = [
  { step: 0, loss: 1, trainingLoss: 1 },
  { step: 10, loss: 0.6, trainingLoss: 0.5 },
];
const proofOf = async (fields: Partial<ProofInput>) =>
  figuresOf({
    training: await set(),
    held: await pairs((x) => ({ shape: 'star', x, ...dusk })),
    recalled: [],
    validations: falling,
    ...fields,
  });

describe('the proof of a training', () => {
  it('finds a style learned when held prompts keep what they show and have come near to the set', async () => {
    const figures = await proofOf({});
    expect(figures).toMatchObject({ distinct: 3, pictures: 3 });
    expect(figures.likeness.colours).toBeGreaterThan(0.7);
    expect(figures.kept).toBeGreaterThan(0.9);
    expect(figures.diversity).toBeCloseTo(1, 1);
    expect(figures.validation?.fall).toBeCloseTo(0.4);
    expect(figures.validation?.gap).toBeCloseTo(0.2);
    const { verdict, reasons } = verdictOf(figures);
    expect(verdict).toBe('learned');
    expect(reasons.join(' ')).toContain('The loss of pictures that were held out fell by 40 %.');
  });

  it('finds a thing learned by the colours that its pictures share, whatever is behind it', async () => {
    const grounds = ['#f4f4f4', '#2060c0', '#208040', '#806020'];
    const training = await Promise.all(
      grounds.map((ground, k) => featuresOf({ shape: 'disc', x: places[k % 3]!, ink: '#e010c0', ground })),
    );
    const held = await Promise.all(
      ['#c0c0c0', '#60a0f0'].map(async (ground) => ({
        prompt: 'a disc',
        without: await featuresOf({ shape: 'disc', x: 64, ink: '#202020', ground }),
        withIt: await featuresOf({ shape: 'disc', x: 64, ink: '#e010c0', ground }),
      })),
    );
    const figures = await proofOf({ training, held });
    expect(figures.common).toBeGreaterThan(0.8);
    expect(verdictOf({ ...figures, likeness: { ...figures.likeness, all: 0 } }).verdict).toBe('learned');
  });

  it('finds nothing learned when pictures are as they were', async () => {
    const figures = await proofOf({ held: await pairs((x) => ({ shape: 'star', x, ...plain })) });
    expect(figures.likeness.all).toBeCloseTo(0);
    expect(verdictOf(figures).verdict).toBe('not_yet');
  });

  it('finds a picture of the set memorised when a sample repeats it, wherever it was asked for', async () => {
    const copies = await pairs(() => ({ shape: 'tower', x: 94, ...dusk }));
    const figures = await proofOf({ recalled: copies.slice(0, 1) });
    expect(figures.nearest).toMatchObject({ picture: 2 });
    const { verdict, reasons } = verdictOf(figures);
    expect(verdict).toBe('memorised');
    expect(reasons[0]).toContain('picture 3 of the set');
  });

  it('calls one picture fifteen times memorised as soon as anything was learned', async () => {
    const one = await featuresOf({ shape: 'disc', x: 64, ...dusk });
    const figures = await proofOf({ training: Array.from({ length: 15 }, () => one) });
    expect(figures).toMatchObject({ distinct: 1, pictures: 15 });
    expect(verdictOf(figures)).toMatchObject({
      verdict: 'memorised',
      reasons: expect.arrayContaining([expect.stringContaining('all are one')]),
    });
  });

  it('finds the model forgetful when every prompt gives the same picture that is none of the set', async () => {
    const held = await pairs(() => ({ shape: 'bar', x: 20, ...dusk }));
    expect(verdictOf(await proofOf({ held })).verdict).toBe('forgot');
  });

  it('says when pictures that were held out do not gain, and when the loss rises again', async () => {
    const validations = [
      { step: 0, loss: 1, trainingLoss: 1 },
      { step: 10, loss: 0.9, trainingLoss: 0.5 },
      { step: 20, loss: 0.99, trainingLoss: 0.2 },
    ];
    const { validation } = await proofOf({ validations });
    expect(validation?.gap).toBeCloseTo(0.8);
    expect(validation?.rise).toBeCloseTo(0.1);
    const reasons = verdictOf(await proofOf({ validations })).reasons.join(' ');
    expect(reasons).toMatch(/less than half of what the learned ones did.*rose again by 10 %/);
    expect((await proofOf({ validations: [] })).validation).toBeUndefined();
  });

  it('refuses to tell anything without samples', async () => {
    await expect(proofOf({ held: [] })).rejects.toThrow('samples of held prompts');
  });
});
