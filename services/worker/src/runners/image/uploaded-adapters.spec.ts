import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { ReadAssetResponseSchema } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { UploadedAdapters } from './uploaded-adapters.js';

/** Storage with one adapter, whose digest stands for its bytes. */
class Storage {
  readonly asked: string[] = [];
  bytesSent = 0;
  sha256 = 'first';

  async *readAsset({ accountId, assetId }: { accountId?: string; assetId?: string }) {
    this.asked.push(`${accountId}/${assetId}`);
    yield create(ReadAssetResponseSchema, { part: { case: 'asset', value: { sha256: this.sha256 } } });
    for (const letter of this.sha256) {
      this.bytesSent += 1;
      yield create(ReadAssetResponseSchema, { part: { case: 'data', value: Buffer.from(letter) } });
    }
  }
}

describe('adapters that accounts have uploaded', () => {
  const request = create(ImageRequestSchema, {
    adapters: [
      { adapterId: 'ink', weight: 1 },
      { adapterId: 'a', assetId: 'a', weight: 1 },
    ],
  });
  const open = () => {
    const storage = new Storage();
    const adapters = new UploadedAdapters(storage as never);
    const read = async () => {
      const found = await adapters.read('account', request, new AbortController().signal);
      return [...found].map(([assetId, bytes]) => `${assetId} ${Buffer.from(bytes).toString()}`);
    };
    return { storage, read };
  };

  it('are read by their assets, in the name of their account; those of the model are not', async () => {
    const { storage, read } = open();
    expect(await read()).toEqual(['a first']);
    expect(storage.asked).toEqual(['account/a']);
  });

  it('are read once while they are the same', async () => {
    const { storage, read } = open();
    expect([await read(), await read()]).toEqual([['a first'], ['a first']]);
    expect(storage.bytesSent).toBe('first'.length);
    storage.sha256 = 'second';
    expect(await read()).toEqual(['a second']);
  });
});
