import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { StorageService, type CreateUploadResponse } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { DatasetService, type PictureNotesSchema } from '@tessera/contracts/tessera/training/v1/datasets_pb.js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { objectLinksHttp } from '@tessera/host/testing/object-links-http.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import { ManualClock } from '@tessera/platform/clock.js';
import type { ConfigInput } from '@tessera/platform/config.js';
import { newId } from '@tessera/platform/ids.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { training } from '@tessera/service-training/training.module.js';
import { Removals } from '@tessera/service-training/datasets/removals.js';

export type RunningDatasets = Awaited<ReturnType<typeof runDatasets>>;

/** The service between its real neighbours, reached as other services reach it, with a clock that tests move. */
export async function runDatasets(config: Partial<Record<keyof ConfigInput, unknown>> = {}) {
  const clock = new ManualClock();
  const hosted = await startTestHost([billing, storage, training, objectLinksHttp], { config, replace: { clock } });
  const datasets = hosted.client(DatasetService);
  const storageClient = hosted.client(StorageService);
  const { bareObjects: objects } = hosted.ports;
  if (!objects) throw new Error('Storage uses objects.');
  return {
    clock,
    datasets,
    objects,
    storage: storageClient,
    /** Waits until what was deleted has lost its files. */
    filesRemoved: () => hosted.get(Removals).settled(),
    dataDir: hosted.dataDir,
    close: () => hosted.close(),
    async openAccount(): Promise<string> {
      const accountId = newId();
      await hosted.client(BillingService).openAccount({ accountId, plan: 'artisan' });
      return accountId;
    },
    add(
      accountId: string,
      datasetId: string,
      fileName: string,
      bytes: Uint8Array,
      notes: MessageInitShape<typeof PictureNotesSchema> = {},
    ) {
      return datasets.addPictures(
        (async function* () {
          yield { part: { case: 'header' as const, value: { accountId, datasetId, fileName, notes } } };
          for (let at = 0; at < bytes.length; at += 300_000)
            yield { part: { case: 'data' as const, value: bytes.subarray(at, at + 300_000) } };
        })(),
      );
    },
    /** As an S3 client posts a form. */
    async post({ url, fields }: Pick<CreateUploadResponse, 'url' | 'fields'>, bytes: Uint8Array): Promise<number> {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), 'picture');
      return (await fetch(url, { method: 'POST', body: form })).status;
    },
    /** A picture that a job of the account has made. */
    async generated(accountId: string, data: Uint8Array): Promise<string> {
      const assetId = newId();
      await storageClient.putAssets({
        accountId,
        jobId: newId(),
        assets: [{ assetId, index: 0, contentType: 'image/png', widthPx: 600, heightPx: 600, data }],
      });
      return assetId;
    },
    /** Keys of the files of an account. */
    files: (accountId: string) => objects.list(`accounts/${accountId}/`, 1_000),
  };
}
