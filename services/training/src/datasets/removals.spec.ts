import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { DatasetService } from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import { StandIns } from '@tessera/host/testing/stand-ins.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { notFound, unavailable } from '@tessera/platform/errors.js';
import { training } from '../training.module.js';
import { Removals } from './removals.js';

const accountId = 'account';

describe('files of what was deleted', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-removals-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  /** The service on a storage that is there or away. */
  const start = async (deleteAsset: (request: { assetId: string }) => object) => {
    let uploads = 0;
    const standIns = new StandIns(
      [BillingService, { getAccount: () => ({ account: { accountId } }) }],
      [
        StorageService,
        {
          deleteAsset,
          createUpload: () => ({
            assetId: `asset-${++uploads}`,
            key: 'key',
            url: 'http://127.0.0.1/',
            expiresMs: BigInt(Date.now() + 60_000),
          }),
        },
      ],
    );
    const host = await startTestHost([training], { config: { dataDir }, replace: { standIns } });
    return { datasets: host.client(DatasetService), removed: () => host.get(Removals).settled(), close: () => host.close() };
  };

  it('go when the next process finds storage again, also those that are gone already', async () => {
    const away = await start(() => {
      throw unavailable('service_unavailable', 'Storage is away.');
    });
    const { dataset } = await away.datasets.createDataset({ accountId, name: 'foxes' });
    const { datasetId } = dataset!;
    const [one] = [
      await away.datasets.createPictureUpload({ accountId, datasetId, extension: 'png' }),
      await away.datasets.createPictureUpload({ accountId, datasetId, extension: 'png' }),
    ];
    await away.datasets.deletePicture({ accountId, datasetId, pictureId: one.pictureId });
    await away.datasets.deleteDataset({ accountId, datasetId });
    await away.removed();
    await expect(away.datasets.getDataset({ accountId, datasetId })).rejects.toMatchObject({ reason: 'unknown_dataset' });
    await away.close();

    const asked: string[] = [];
    const remove = ({ assetId }: { assetId: string }) => {
      asked.push(assetId);
      if (assetId === 'asset-1') throw notFound('unknown_asset', 'There is no such file.');
      return {};
    };
    const back = await start(remove);
    await back.removed();
    expect(asked.sort()).toEqual(['asset-1', 'asset-2']);
    await back.close();
    const again = await start(remove);
    await again.removed();
    expect(asked).toHaveLength(2);
    await again.close();
  });
});
