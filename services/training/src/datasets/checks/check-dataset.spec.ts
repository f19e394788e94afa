import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkDataset, type CheckedPicture, type WarningCode } from './check-dataset.js';
import { measurePicture } from './measure-picture.js';
import type { Measured } from './measured.js';
import { discOf, drawing, pngOf, type PictureOptions } from './pictures.fixture.js';

const backgrounds = ['#777', '#866', '#686', '#668', '#886', '#688', '#868', '#787', '#778', '#877', '#6a7', '#76a'];
const measuredOf = async (options: PictureOptions) => measurePicture(await pngOf(options));

/** Twelve drawings that belong together and are not alike. */
let good: readonly Measured[];
beforeAll(async () => {
  good = await Promise.all(backgrounds.map((background, seed) => measuredOf({ seed: seed + 1, background })));
});

const picturesOf = (all: readonly Measured[], captionOf = (index: number) => `a zorb fox in scene ${index}`): CheckedPicture[] =>
  all.map((measured, index) => ({ pictureId: `p${index}`, caption: captionOf(index), measured }));
const codesOf = (pictures: readonly CheckedPicture[], trigger = '') => checkDataset(pictures, trigger).map(({ code }) => code);
const idsOf = (code: WarningCode, pictures: readonly CheckedPicture[], trigger = '') =>
  checkDataset(pictures, trigger).find((warning) => warning.code === code)?.pictureIds;

describe('a dataset', () => {
  it('of a dozen different pictures with captions is warned of nothing', () => {
    expect(checkDataset(picturesOf(good), 'zorb')).toEqual([]);
  });

  it('says of each warning what it means and what to do', () => {
    expect(checkDataset([], '')).toEqual([
      {
        code: 'few_pictures',
        pictureIds: [],
        message: 'The set has no pictures that can be used; below 10 a training learns them by heart.',
        remedy: 'Add pictures: 10 to 15 for a character or an object, 20 to 30 for a style.',
      },
    ]);
  });

  it('of one picture fifteen times has one picture, all the same', () => {
    const pictures = picturesOf(Array.from({ length: 15 }, () => good[0]!));
    expect(codesOf(pictures)).toEqual(['exact_duplicates', 'few_pictures']);
    expect(idsOf('exact_duplicates', pictures)).toHaveLength(15);
  });

  it('has near duplicates where a picture comes again in other bytes', async () => {
    const again = await measurePicture(await drawing({ seed: 3, background: '#686' }).resize(520).jpeg().toBuffer());
    expect(idsOf('near_duplicates', picturesOf([...good, again]))).toEqual(['p2', 'p12']);
    expect(codesOf(picturesOf([...good, good[2]!]))).toEqual(['exact_duplicates']);
  });

  it('does not take different things alone on one ground for near duplicates', async () => {
    const disc = async (colour: string) => measurePicture(await discOf(colour));
    const [red, blue, redAgain] = [await disc('#c22'), await disc('#22c'), await disc('#c32')];
    expect(idsOf('near_duplicates', picturesOf([...good, red, blue]))).toBeUndefined();
    expect(idsOf('near_duplicates', picturesOf([...good, red, blue, redAgain]))).toEqual(['p12', 'p14']);
  });

  it('is warned of small sides, and of shapes that are too wide or too high', async () => {
    const pictures = picturesOf([
      ...good,
      await measuredOf({ widthPx: 511, heightPx: 800, seed: 20 }),
      await measuredOf({ widthPx: 1_600, heightPx: 520, seed: 21 }),
      await measuredOf({ widthPx: 512, heightPx: 1_536, seed: 22 }),
    ]);
    expect(idsOf('small_pictures', pictures)).toEqual(['p12']);
    expect(idsOf('over_wide', pictures)).toEqual(['p13']);
  });

  it('finds what is blurred beside the others, and calls nothing blurred where all are alike', async () => {
    const blurred = await Promise.all([31, 32, 33].map(async (seed) => measurePicture(await drawing({ seed }).blur(8).png().toBuffer())));
    expect(idsOf('blurred', picturesOf([...good, blurred[0]!]))).toEqual(['p12']);
    expect(codesOf(picturesOf(blurred))).not.toContain('blurred');
  });

  it('finds what does not belong: other colours, another shape', async () => {
    const pictures = picturesOf([
      ...good,
      await measurePicture(await drawing({ seed: 40, background: '#fff' }).modulate({ brightness: 2 }).png().toBuffer()),
      await measuredOf({ seed: 41, widthPx: 1_560, heightPx: 521 }),
    ]);
    expect(idsOf('outliers', pictures)).toEqual(['p12', 'p13']);
    expect(idsOf('outliers', pictures.slice(6))).toEqual(['p12', 'p13']);
    expect(idsOf('outliers', pictures.slice(8))).toBeUndefined();
  });

  it('is warned where its pictures are transparent or move', () => {
    const pictures = picturesOf([{ ...good[0]!, isTransparent: true }, { ...good[1]!, isAnimated: true }, ...good.slice(2)]);
    expect([idsOf('transparent', pictures), idsOf('animated', pictures)]).toEqual([['p0'], ['p1']]);
  });

  it('is warned where all captions are the same, whatever their spaces and letters', () => {
    expect(
      idsOf(
        'same_caption',
        picturesOf(good, (index) => (index % 2 ? 'A  photo ' : 'a photo')),
      ),
    ).toHaveLength(12);
    expect(codesOf(picturesOf(good, (index) => (index === 5 ? 'another' : 'a photo')))).toEqual([]);
  });

  it('is warned where captions are missing, or lack the trigger as a word of its own', () => {
    const pictures = picturesOf(good, (index) => ['', 'zorbs in snow', 'the Zorb, at sea'][index] ?? `a zorb at ${index}`);
    expect(idsOf('missing_captions', pictures)).toEqual(['p0']);
    expect(idsOf('missing_trigger', pictures, 'zorb')).toEqual(['p1']);
    expect(codesOf(pictures)).toEqual(['missing_captions']);
    expect(idsOf('missing_trigger', pictures, 'z.rb')).toHaveLength(11);
  });

  it('does not count what its author has opted out, nor what has lost its file', () => {
    const pictures = picturesOf(good).map((picture, index): CheckedPicture =>
      index < 3 ? { ...picture, unusable: index === 0 ? 'lost_file' : 'opted_out' } : picture,
    );
    expect(codesOf(pictures)).toEqual(['lost_files', 'opted_out', 'few_pictures']);
    expect([idsOf('lost_files', pictures), idsOf('opted_out', pictures)]).toEqual([['p0'], ['p1', 'p2']]);
  });
});
