import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { computeSpecOf, workOf } from './compute.js';
import { model } from './model.fixture.js';
import { fullImageRequest } from './image-request.js';

const assetId = model.leonardoId;
const full = (asked: Parameters<typeof create<typeof ImageRequestSchema>>[1]) =>
  fullImageRequest(create(ImageRequestSchema, { prompt: 'x', ...asked }), model, () => 1);
const affinity = (asked: Parameters<typeof full>[0]) => workOf(full(asked), 'default').affinity;

describe('what can run as one batch', () => {
  it('are jobs whose prompts, masks and guides differ', () => {
    expect(affinity({ prompt: 'y', guidance: [{ kind: 'edges', assetId, strength: 1 }] })).toBe(affinity({}));
    const initImage = { assetId, strength: 0.5 };
    expect(affinity({ initImage: { ...initImage, maskAssetId: assetId } })).toBe(affinity({ initImage }));
  });

  it('are jobs with the same adapters at the same weights only', () => {
    const ink = (weight: number) => affinity({ adapters: [{ adapterId: 'ink', weight }] });
    expect(ink(1)).toBe(ink(1));
    expect(new Set([affinity({}), ink(1), ink(0.5)]).size).toBe(3);
  });
});

describe('what a job costs more', () => {
  it.each([
    [{}, []],
    [{ initImage: { assetId, strength: 0.5 } }, ['init_image']],
    [{ guidance: [{ kind: 'edges', assetId, strength: 0.5 }] }, []],
    [{ guidance: [1, 2].map(() => ({ kind: 'character', assetId, strength: 1 })) }, ['character_reference']],
  ])('with %j is %j', (asked, surcharges) => {
    expect(computeSpecOf(full(asked), model).spec).toMatchObject({ case: 'image', value: { surcharges } });
  });
});
