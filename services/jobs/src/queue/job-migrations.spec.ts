import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { jobMigrations } from './job-migrations.js';

const request = {
  prompt: 'a fox',
  negativePrompt: '',
  modelId: 'mosaic-3d',
  widthPx: 512,
  heightPx: 512,
  images: 2,
  steps: 20,
  guidanceScale: 7,
  seed: 7,
  style: 'NONE',
  isPublic: false,
};
const imageJob = (life: object, change: object = {}) => ({
  accountId: 'account',
  createdMs: 1,
  work: { pool: 'default', modelId: 'mosaic-3d', affinity: 'x', images: 2, workUnits: 10, gpuSecondsEstimated: 1 },
  life,
  payload: { request: { ...request, ...change }, fingerprint: 'digest', hasKey: true, imageIds: ['a', 'b'] },
  dueMs: 5,
});
const migrated = (value: object) => jobMigrations[0]!.migrate(value as never, 'id') as Record<string, any>;

describe('a job of the release that knew images alone', () => {
  it('becomes a job of the kind image, with its request as payload', () => {
    const job = migrated(imageJob({ state: 'queued', enqueuedMs: 3 }));
    expect(job).toMatchObject({
      work: { kind: 'image', units: 2, size: 10 },
      changedMs: 3,
      dueMs: 5,
      payload: { requestDigest: 'digest', outputIds: ['a', 'b'] },
    });
    expect(fromBinary(ImageRequestSchema, Buffer.from(job['payload'].request.value, 'base64'))).toMatchObject({
      prompt: 'a fox',
      seed: 7n,
      images: 2,
    });
    expect(job['payload'].compute).toBeUndefined();
  });

  it.each([
    [{}, true],
    [{ widthPx: 128, heightPx: 128 }, false],
    [{ modelId: 'sdxl', widthPx: 1024, heightPx: 1024 }, false],
  ])('is priced again as it was if its tokens may not be held yet: %j', (change, superResolution) => {
    const { image } = migrated(imageJob({ state: 'accepted', resumeMs: 1 }, change))['payload'].compute;
    expect(image.superResolution ?? false).toBe(superResolution);
  });
});
