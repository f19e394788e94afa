import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hammingDistance } from './checks/perceptual-hash.js';
import { digestOfSet, distinctPictures, splitOf } from './version-set.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const colours = { lightness: 0.5, contrast: 0.2, redGreen: 0, yellowBlue: 0, chroma: 0.1 };
const pictureOf = (at: number, caption = `a zorb ${at}`, like = at) => ({
  pictureId: `p${at}`,
  caption,
  measured: { sha256: sha256(String(at)), perceptualHash: sha256(`like ${like}`).slice(0, 16), colours },
});
const setOf = (count: number) => Array.from({ length: count }, (_, at) => pictureOf(at));
const held = (pictures: readonly ReturnType<typeof pictureOf>[], seed = 0) =>
  [...splitOf(pictures, seed)].flatMap(([picture, split]) => (split === 'validation' ? [picture] : []));

describe('the digest of a set', () => {
  const digest = (pictures: readonly ReturnType<typeof pictureOf>[], seed = 0) => digestOfSet(distinctPictures(pictures), seed);

  it('is the same in whatever order its pictures came, and however often', () => {
    const set = setOf(9);
    fc.assert(
      fc.property(fc.shuffledSubarray(set, { minLength: set.length }), fc.subarray(set), (shuffled, again) => {
        const copies = again.map((picture, at) => ({ ...picture, pictureId: `copy${at}` }));
        expect(digest([...shuffled, ...copies])).toBe(digest(set));
      }),
    );
  });

  it('is another one with another picture, caption or seed', () => {
    const set = setOf(6);
    const digests = [digest(set), digest(set.slice(1)), digest([pictureOf(0, 'a fox'), ...set.slice(1)]), digest(set, 1), digest(setOf(7))];
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('has of copies the caption that says something', () => {
    expect(
      distinctPictures([pictureOf(1, ''), { ...pictureOf(1, 'b'), pictureId: 'q' }, { ...pictureOf(1, 'a'), pictureId: 'r' }]),
    ).toEqual([{ ...pictureOf(1, 'a'), pictureId: 'r' }]);
  });
});

describe('the split', () => {
  it.each([
    [1, 0],
    [4, 0],
    [5, 1],
    [14, 1],
    [15, 2],
    [50, 5],
  ])('of %i pictures holds out %i', (count, wanted) => {
    expect(held(setOf(count))).toHaveLength(wanted);
  });

  it('is the same for the same seed, in whatever order, and another one for another', () => {
    const set = setOf(40);
    const ids = (pictures: readonly { pictureId: string }[]) => pictures.map(({ pictureId }) => pictureId).sort();
    expect(ids(held([...set].reverse(), 7))).toEqual(ids(held(set, 7)));
    expect(ids(held(set, 8))).not.toEqual(ids(held(set, 7)));
  });

  it('keeps pictures that look alike on one side', () => {
    for (let seed = 0; seed < 20; seed++) {
      const set = Array.from({ length: 30 }, (_, at) => pictureOf(at, '', Math.floor(at / 3)));
      const out = held(set, seed);
      expect(out).toHaveLength(3);
      for (const one of set)
        for (const other of out)
          if (hammingDistance(one.measured.perceptualHash, other.measured.perceptualHash) === 0) expect(out).toContain(one);
    }
  });

  it('holds one out where all look alike', () => {
    expect(held(Array.from({ length: 8 }, (_, at) => pictureOf(at, '', 1)))).toHaveLength(1);
  });
});
