import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { twoPictures } from '../billing.fixture.js';
import { PriceList, pricesIn } from './catalogue.js';
import {
  checkCompute,
  computeBounds,
  quote,
  unitsOf,
  type ComputeSpec,
  type GenericCompute,
  type ImageCompute,
  type MotionCompute,
  type TrainingCompute,
  type UpscaleCompute,
} from './quote.js';

const catalogue = PriceList.bundled().at(0);
const plain: ImageCompute = { ...twoPictures, superResolution: false };
const sized = { modelId: 'mosaic-3d', widthPx: 512, heightPx: 512, surcharges: [] };
const clip: MotionCompute = { ...sized, kind: 'motion', images: 1 };
const complexClip: MotionCompute = { ...clip, complexity: 'complex' };
const training: TrainingCompute = { ...sized, kind: 'training', images: 20, epochs: 100 };
const upscale: UpscaleCompute = { ...sized, kind: 'upscale', images: 1 };
const generic: GenericCompute = { kind: 'generic', workKind: 'probe', modelId: 'probe-1', units: 10, milliTokensPerUnit: 1_500 };
const dearest = {
  ...catalogue,
  compute: { defaultMilliTokens: 1_000_000, milliTokensByModel: {} },
  superResolution: { milliTokensPerMegapixel: 1_000_000 },
  surcharges: { dear: { percentOfCompute: 1_000 } },
};

describe('the quote', () => {
  it.each<[string, Partial<ImageCompute>, number]>([
    ['two pictures of 512x512 in 20 steps', {}, 6],
    ['one picture', { images: 1 }, 3],
    ['four pictures', { images: 4 }, 12],
    ['half the steps', { steps: 10 }, 3],
    ['twice the pixels', { widthPx: 1024 }, 12],
    ['the smallest picture', { images: 1, widthPx: 8, heightPx: 8, steps: 1 }, 1],
    ['two pictures with super-resolution', { superResolution: true }, 8],
    ['one picture with super-resolution', { images: 1, superResolution: true }, 4],
    ['two pictures from an init image', { surcharges: ['init_image'] }, 7],
    ['two pictures with a character reference', { surcharges: ['character_reference'] }, 8],
    ['a model without a weight of its own', { modelId: 'another-model' }, 6],
    ['a model that bears the name of an object method', { modelId: 'constructor' }, 6],
  ])('prices %s', (_, change, tokens) => {
    expect(quote(catalogue, { ...plain, ...change }).totalTokens).toBe(tokens);
  });

  it.each<[string, ComputeSpec, number]>([
    ['a small clip at the least', { ...clip, widthPx: 8, heightPx: 8 }, 41],
    ['a clip by its resolution', { ...clip, widthPx: 1_024, heightPx: 1_024 }, 51],
    ['a complex clip', complexClip, 51],
    ['the largest clip at the most', { ...complexClip, widthPx: 4_096, heightPx: 4_096 }, 60],
    ['two clips as two', { ...clip, images: 2, widthPx: 4_096, heightPx: 4_096 }, 120],
    ['a clip alike, however many frames it has', { ...clip, widthPx: 1_024, heightPx: 1_024, frames: 48 }, 51],
    ['a training by resolution, images and epochs', training, 525],
    ['a training alike, however many steps its looks take', { ...training, steps: 500 }, 525],
    ['an enlargement by the pixels that come out', { ...upscale, widthPx: 4_000, heightPx: 5_000 }, 20],
    ['other work by the rate that it comes with', generic, 15],
    ['other work that costs less than a token', { ...generic, units: 1, milliTokensPerUnit: 1 }, 1],
    ['other work that costs nothing', { ...generic, milliTokensPerUnit: 0 }, 0],
    ['what an idea costs that somebody else words', { ...plain, surcharges: ['prompt_improve'] }, 7],
    ['a guidance image and a quality pipeline', { ...plain, surcharges: ['guidance_image', 'quality_pipeline'] }, 10],
  ])('prices %s', (_, compute, tokens) => {
    const { lines, totalTokens } = quote(catalogue, compute);
    expect([totalTokens, lines.reduce((sum, line) => sum + line.tokens, 0)]).toEqual([tokens, tokens]);
  });

  it('has prices of its own for API credits', () => {
    const inCredits = quote(pricesIn(catalogue, 'credits'), plain);
    expect(inCredits).toMatchObject({ wallet: 'credits', totalTokens: 7 });
    expect(() => pricesIn({ ...catalogue, apiCredits: undefined }, 'credits')).toThrow(
      expect.objectContaining({ reason: 'credits_not_sold' }),
    );
  });

  it.each<[string, ComputeSpec, number, number]>([
    ['one of two pictures with super-resolution', twoPictures, 1, 4],
    ['two of three enlargements', { ...upscale, images: 3, widthPx: 1_000, heightPx: 1_000 }, 2, 2],
    ['one of two clips', { ...clip, images: 2, widthPx: 4_096, heightPx: 4_096 }, 1, 60],
    ['a frame of a clip, rounded up line by line', { ...clip, widthPx: 1_024, heightPx: 1_024, frames: 48 }, 1, 2],
    ['a quarter of the looks of a training', training, 500, 132],
    ['a quarter of the steps of a training', { ...training, steps: 100 }, 25, 132],
    ['some units of other work', generic, 3, 5],
    ['nothing of other work', generic, 0, 0],
  ])('prices what was delivered: %s', (_, compute, units, tokens) => {
    expect(quote(catalogue, compute, units).totalTokens).toBe(tokens);
  });

  it.each<[ComputeSpec['kind'], ComputeSpec]>([
    ['motion', clip],
    ['training', training],
    ['upscale', upscale],
  ])('refuses %s where the price list has none', (_, compute) => {
    const { motion: __, training: ___, upscale: ____, ...without } = catalogue;
    expect(() => quote(without, compute)).toThrow(expect.objectContaining({ reason: 'not_priced' }));
  });

  it('names what each line is for', () => {
    expect(quote(catalogue, { ...twoPictures, surcharges: ['init_image'] })).toEqual({
      catalogueVersion: catalogue.version,
      lines: [
        { kind: 'compute', description: '2 images x 0.26 MP x 20 steps, mosaic-3d', tokens: 6 },
        { kind: 'super_resolution', description: 'super-resolution, 2 x 0.26 MP', tokens: 2 },
        { kind: 'init_image', description: 'init image, +10 %', tokens: 1 },
      ],
      totalTokens: 9,
    });
  });

  it('speaks of one image and one step in the singular', () => {
    expect(quote(catalogue, { ...plain, images: 1, steps: 1 }).lines[0]?.description).toBe('1 image x 0.26 MP x 1 step, mosaic-3d');
  });

  it('refuses a surcharge that the catalogue does not know', () => {
    expect(() => quote(catalogue, { ...plain, surcharges: ['toString'] })).toThrow(
      expect.objectContaining({ reason: 'unknown_surcharge' }),
    );
  });

  it('stays a safe integer for the dearest catalogue and the largest job', () => {
    const largest = {
      ...plain,
      widthPx: computeBounds.sidePxMax,
      heightPx: computeBounds.sidePxMax,
      steps: computeBounds.stepsMax,
      images: computeBounds.imagesMax,
      superResolution: true,
      surcharges: ['dear'],
    };
    const { totalTokens } = quote(dearest, largest);
    expect(Number.isSafeInteger(totalTokens)).toBe(true);
    expect(totalTokens).toBeGreaterThan(1_000_000_000);
  });

  it('stays a safe integer for the largest work of each kind at the dearest rate', () => {
    const { sidePxMax: side, imagesMax: images, epochsMax: epochs, unitsMax, milliTokensPerUnitMax: milliTokensPerUnit } = computeBounds;
    const prices = {
      ...catalogue,
      training: { milliTokensPerMegapixelEpoch: 1_000_000 },
      upscale: { milliTokensPerMegapixel: 1_000_000 },
      motion: { tokensMin: 1_000_000, tokensMax: 1_000_000, tokensPerMegapixel: 1_000_000, complexTokens: 1_000_000 },
    };
    const large = { widthPx: side, heightPx: side, images };
    for (const compute of [
      { ...upscale, ...large },
      { ...clip, ...large, frames: unitsMax },
      { ...training, ...large, epochs, steps: unitsMax },
      { ...generic, units: unitsMax, milliTokensPerUnit },
    ]) {
      checkCompute(compute);
      expect(Number.isSafeInteger(quote(prices, compute).totalTokens)).toBe(true);
    }
  });

  it('never costs more for fewer units, of no kind', () => {
    const side = fc.integer({ min: 1, max: computeBounds.sidePxMax });
    const count = fc.integer({ min: 1, max: 100 });
    const units = fc.integer({ min: 1, max: 10_000 });
    const size = {
      modelId: fc.constant('mosaic-3d'),
      widthPx: side,
      heightPx: side,
      images: count,
      surcharges: fc.subarray(['init_image', 'prompt_improve']),
    };
    const work: fc.Arbitrary<ComputeSpec> = fc.oneof(
      fc.record({ ...size, kind: fc.constant('upscale' as const) }),
      fc.record(
        { ...size, kind: fc.constant('motion' as const), frames: units, complexity: fc.constant('complex' as const) },
        { requiredKeys: ['kind', 'modelId', 'widthPx', 'heightPx', 'images', 'surcharges'] },
      ),
      fc.record(
        { ...size, kind: fc.constant('training' as const), epochs: count, steps: units },
        { requiredKeys: ['kind', 'modelId', 'widthPx', 'heightPx', 'images', 'surcharges', 'epochs'] },
      ),
      fc.record({
        kind: fc.constant('generic' as const),
        workKind: fc.constant('probe'),
        modelId: fc.constant('m'),
        units,
        milliTokensPerUnit: units,
      }),
    );
    fc.assert(
      fc.property(work, fc.double({ min: 0, max: 1, noNaN: true }), (compute, share) => {
        checkCompute(compute);
        const whole = quote(catalogue, compute);
        const delivered = Math.floor(unitsOf(compute) * share);
        const part = quote(catalogue, compute, delivered);
        for (const { lines, totalTokens } of [whole, part]) {
          expect(lines.every(({ tokens }) => Number.isSafeInteger(tokens) && tokens >= 0)).toBe(true);
          expect(lines.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(totalTokens);
        }
        expect(part.totalTokens).toBeLessThanOrEqual(whole.totalTokens);
        expect(quote(catalogue, compute, Math.max(0, delivered - 1)).totalTokens).toBeLessThanOrEqual(part.totalTokens);
      }),
    );
  });

  it('adds up, is whole, costs at least a token a line, and never costs more for fewer pictures', () => {
    const side = fc.integer({ min: 1, max: computeBounds.sidePxMax });
    const job = fc.record({
      modelId: fc.constant('mosaic-3d'),
      widthPx: side,
      heightPx: side,
      steps: fc.integer({ min: 1, max: 1_000 }),
      images: fc.integer({ min: 2, max: 100 }),
      superResolution: fc.boolean(),
      surcharges: fc.subarray(['init_image', 'character_reference']),
    });
    fc.assert(
      fc.property(job, (compute) => {
        const whole = quote(catalogue, compute);
        const fewer = quote(catalogue, { ...compute, images: compute.images - 1 });
        expect(whole.lines.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(whole.totalTokens);
        expect(whole.lines.every(({ tokens }) => Number.isSafeInteger(tokens) && tokens >= 1)).toBe(true);
        expect(fewer.totalTokens).toBeLessThanOrEqual(whole.totalTokens);
      }),
    );
  });
});

describe('a computation', () => {
  it.each<[string, Partial<ImageCompute>]>([
    ['no images', { images: 0 }],
    ['too many images', { images: 101 }],
    ['no width', { widthPx: 0 }],
    ['a gigantic height', { heightPx: 4_294_967_295 }],
    ['no steps', { steps: 0 }],
    ['half a step', { steps: 1.5 }],
    ['steps that are no number', { steps: Number.NaN }],
    ['a model id that is a path', { modelId: '../etc/passwd' }],
    ['no model', { modelId: '' }],
    ['a surcharge twice', { surcharges: ['init_image', 'init_image'] }],
    ['too many surcharges', { surcharges: Array.from({ length: 17 }, (_, n) => `s${n}`) }],
  ])('is refused with %s', (_, change) => {
    expect(() => checkCompute({ ...plain, ...change })).toThrow(expect.objectContaining({ kind: 'InvalidArgument' }));
  });

  it.each<[ComputeSpec, string]>([
    [{ ...training, epochs: 0 }, 'compute.training.epochs'],
    [{ ...training, steps: 0.5 }, 'compute.training.steps'],
    [{ ...clip, images: 0 }, 'compute.motion.clips'],
    [{ ...clip, frames: 1_000_001 }, 'compute.motion.frames'],
    [{ ...upscale, widthPx: 0 }, 'compute.upscale.width_px'],
    [{ ...generic, workKind: 'A probe' }, 'compute.generic.kind'],
    [{ ...generic, units: 0 }, 'compute.generic.units'],
    [{ ...generic, milliTokensPerUnit: -1 }, 'compute.generic.milli_tokens_per_unit'],
  ])('is refused by the name of its kind: %j', (compute, param) => {
    expect(() => checkCompute(compute)).toThrow(expect.objectContaining({ kind: 'InvalidArgument', param }));
  });
});

describe('the price list', () => {
  const [newest] = [catalogue];

  it('finds the catalogue that a hold was quoted at after a newer one came', () => {
    const prices = PriceList.parse([newest, { ...newest, version: 'next', effectiveFrom: '2027-01-01T00:00:00Z' }]);
    const newYearMs = Date.UTC(2027, 0, 1);
    expect([prices.at(newYearMs - 1).version, prices.at(newYearMs).version]).toEqual([newest.version, 'next']);
    expect(prices.version(newest.version).version).toBe(newest.version);
  });

  it.each([
    ['is empty', []],
    ['names a version twice', [newest, newest]],
    ['has a fractional price', [{ ...newest, superResolution: { milliTokensPerMegapixel: 0.5 } }]],
    ['has a plan that gives nothing', [{ ...newest, plans: { none: { ...newest.plans['owner'], grant: { bucket: 'fast', tokens: 0 } } } }]],
    ['has a field that nobody knows', [{ ...newest, discounts: {} }]],
  ])('is refused when it %s', (_, json) => {
    expect(() => PriceList.parse(json)).toThrow();
  });

  it('refuses a catalogue version that it no longer has', () => {
    expect(() => PriceList.bundled().version('1999')).toThrow(expect.objectContaining({ reason: 'unknown_catalogue_version' }));
  });

  it('has no plan by the name of an object method', () => {
    expect(() => PriceList.bundled().plan('toString', 0)).toThrow(expect.objectContaining({ reason: 'unknown_plan' }));
  });
});
