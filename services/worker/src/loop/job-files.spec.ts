import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { create } from '@bufbuild/protobuf';
import { CheckpointSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { internal, notFound, unavailable, type TesseraError } from '@tessera/platform/errors.js';
import { lease, StorageStandIn } from '../stand-ins.fixture.js';
import { JobFiles } from './job-files.js';

const never = new AbortController().signal;
const bytes = (size: number) => Buffer.alloc(size, 7);
const digestOf = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

function open() {
  const storage = new StorageStandIn();
  return { storage, files: new JobFiles(storage as never) };
}

describe('the files of a job', () => {
  const ofTwo = lease('a', { units: 2 });
  const withCheckpoint: Lease = { ...ofTwo, checkpoint: create(CheckpointSchema, { key: 'step-4', step: 4, units: 1 }) };

  it('are stored under the ids of its lease, pictures and others', async () => {
    const { storage, files } = open();
    const outputs = await files.storeOutputs(ofTwo, [
      { type: 'output', jobId: 'a', index: 0, contentType: 'image/png', content: bytes(3), widthPx: 8, heightPx: 8 },
      { type: 'output', jobId: 'a', index: 1, contentType: 'text/plain', content: bytes(5) },
    ]);
    expect(outputs).toMatchObject([
      { assetId: 'a-output-0', widthPx: 8, sizeBytes: 3n },
      { assetId: 'a-output-1', sizeBytes: 5n, sha256: digestOf(bytes(5)) },
    ]);
    expect(storage.pieceBytes).toEqual([5]);
  });

  it('go in pieces that a message can carry, whole ones and streams alike', async () => {
    const { storage, files } = open();
    const mebibyte = 1024 * 1024;
    async function* stream() {
      yield* [bytes(10), bytes(mebibyte + 1)];
    }
    await files.storeOutputs(ofTwo, [
      { type: 'output', jobId: 'a', index: 0, contentType: 'video/mp4', content: bytes(2 * mebibyte + 1) },
      { type: 'output', jobId: 'a', index: 1, contentType: 'video/mp4', content: stream() },
    ]);
    expect(storage.pieceBytes).toEqual([mebibyte, mebibyte, 1, 10, mebibyte, 1]);
    expect([...storage.assets.values()].map((data) => data.byteLength)).toEqual([2 * mebibyte + 1, mebibyte + 11]);
  });

  it('are delivered again when storage was away, unless they come as a stream, which is read once', async () => {
    const { storage, files } = open();
    async function* stream() {
      yield bytes(1);
    }
    const output = { type: 'output', jobId: 'a', index: 0, contentType: 'text/plain' } as const;
    storage.refusals = [unavailable('service_unavailable', 'Away.')];
    expect(await files.storeOutputs(ofTwo, [{ ...output, content: bytes(1) }])).toHaveLength(1);
    storage.refusals = [unavailable('service_unavailable', 'Away.')];
    await expect(files.storeOutputs(ofTwo, [{ ...output, content: stream() }])).rejects.toMatchObject({ reason: 'service_unavailable' });
  });

  it('come back from the checkpoint that the lease names', async () => {
    const { files } = open();
    const checkpoint = await files.storeCheckpoint(ofTwo, { type: 'checkpoint', jobId: 'a', step: 4, units: 1, content: bytes(9) });
    expect(checkpoint).toMatchObject({ step: 4, units: 1, digest: digestOf(bytes(9)) });
    expect(await files.readCheckpoint({ ...ofTwo, checkpoint: create(CheckpointSchema, checkpoint) }, never)).toEqual(bytes(9));
    expect(await files.readCheckpoint(ofTwo, never)).toBeUndefined();
  });

  it.each([notFound('unknown_checkpoint', 'Gone.'), internal('checkpoint_damaged', 'Other bytes.')])(
    'begin anew where the checkpoint cannot be had: %s',
    async (refusal: TesseraError) => {
      const { storage, files } = open();
      storage.refusals = [refusal];
      expect(await files.readCheckpoint(withCheckpoint, never)).toBeUndefined();
    },
  );

  it('do not begin anew because storage is away', async () => {
    const { storage, files } = open();
    storage.refusals = [unavailable('service_unavailable', 'Away.')];
    await expect(files.readCheckpoint(withCheckpoint, never)).rejects.toMatchObject({ reason: 'service_unavailable' });
  });
});
