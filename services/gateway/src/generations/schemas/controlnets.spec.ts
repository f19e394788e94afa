import { describe, expect, it } from '@jest/globals';
import { createGenerationBody, imageRequestOf } from './leonardo.js';

const picture = '0199aaaa-0000-7000-8000-000000000000';
const guidanceOf = (entry: object) =>
  imageRequestOf(createGenerationBody.parse({ prompt: 'x', controlnets: [{ initImageId: picture, initImageType: 'UPLOADED', ...entry }] }))
    .guidance;
const refusal = (entry: object) => {
  try {
    return guidanceOf(entry);
  } catch (error) {
    return { reason: (error as { reason?: string }).reason, param: (error as { param?: string }).param };
  }
};

describe('controlnets', () => {
  it.each([
    [19, 'edges'],
    [12, 'edges'],
    [1, 'edges'],
    [20, 'depth'],
    [67, 'style'],
    [100, 'content'],
    [133, 'character'],
    [21, 'pose'],
    ['edges', 'edges'],
    ['Character', 'character'],
  ])('with preprocessor %p are %s', (preprocessorId, kind) => {
    expect(guidanceOf({ preprocessorId, weight: 1 })).toEqual([{ kind, assetId: picture, strength: 0.5, subject: '' }]);
  });

  it('are stronger from Low to Max', () => {
    const named = ['Low', 'Mid', 'High', 'Ultra', 'Max'].map(
      (strengthType) => guidanceOf({ preprocessorId: 67, strengthType })?.[0]?.strength ?? 0,
    );
    expect(named).toEqual(named.toSorted((a, b) => a - b));
    expect(new Set(named).size).toBe(5);
    expect(guidanceOf({ preprocessorId: 133, strengthType: 'High' })?.[0]?.strength).toBe(1);
    expect(guidanceOf({ preprocessorId: 67 })?.[0]?.strength).toBe(0.5);
  });

  it('name the thing that a character stands for', () => {
    expect(guidanceOf({ preprocessorId: 133, weight: 2, subject: 'dog' })).toEqual([
      { kind: 'character', assetId: picture, strength: 1, subject: 'dog' },
    ]);
  });

  it.each([
    ['a preprocessor that is not here', { preprocessorId: 22 }, 'unsupported_feature', 'controlnets[0].preprocessorId'],
    ['no preprocessor', {}, 'missing_field', 'controlnets[0].preprocessorId'],
    ['no picture', { preprocessorId: 19, initImageId: null }, 'missing_field', 'controlnets[0].initImageId'],
    ['two strengths', { preprocessorId: 19, weight: 1, strengthType: 'Low' }, 'invalid_field', 'controlnets[0].weight'],
  ])('are refused with %s', (_what, entry, reason, param) => {
    expect(refusal(entry)).toEqual({ reason, param });
  });
});
