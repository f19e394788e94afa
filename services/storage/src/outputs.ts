import { Injectable } from '@nestjs/common';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { Clock } from '@tessera/platform/clock.js';
import { assertId, outputKey, type ReadyAsset } from './asset.js';
import { AssetStore } from './asset.store.js';
import { contentTypeOf, isPicture } from './content-types.js';
import { jobEnded, repeatedAsset, tooMany, unsupportedContentType } from './errors.js';
import { verified } from './byte-streams.js';
import { JobFiles } from './job-files.js';

export type NewOutput = {
  readonly assetId: string;
  readonly index: number;
  readonly contentType: string;
  readonly widthPx: number;
  readonly heightPx: number;
};

export type NewOutputWithData = NewOutput & { readonly data: Uint8Array };

export type StoredOutput = { readonly assetId: string; readonly asset: ReadyAsset };

type Job = { readonly accountId: string; readonly jobId: string };

/** Far more than any job delivers at once; it bounds the files that are written side by side. */
const outputsMax = 64;

/** What jobs deliver. Files first, then one commit: a document never speaks of bytes that are not there. */
@Injectable()
export class Outputs {
  constructor(
    private readonly assets: AssetStore,
    private readonly jobFiles: JobFiles,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
  ) {}

  /** The pictures of a job, all at once. FailedPrecondition `job_ended` when nobody wants them any more. */
  async putAll(job: Job, outputs: readonly NewOutputWithData[]): Promise<StoredOutput[]> {
    assertOutputs(job, outputs);
    for (const { contentType } of outputs) if (!isPicture(contentType)) throw unsupportedContentType(contentType);
    const stored = await Promise.all(
      outputs.map(async (output) => ({ assetId: output.assetId, asset: await this.#store(job, output, output.data) })),
    );
    await this.#commit(job, stored);
    return stored;
  }

  /** One of any size that its content type may have, while it comes. InvalidArgument `object_too_large`, `digest_mismatch`. */
  async put(job: Job, output: NewOutput, sha256: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredOutput> {
    assertOutputs(job, [output]);
    // Asked before as well: it may be gigabytes that nobody wants.
    if (await this.assets.hasEnded(job.jobId)) throw jobEnded();
    const stored = { assetId: output.assetId, asset: await this.#store(job, output, verified(bytes, sha256)) };
    await this.#commit(job, [stored]);
    return stored;
  }

  async #store(
    { accountId, jobId }: Job,
    { index, contentType, widthPx, heightPx }: NewOutput,
    body: Uint8Array | AsyncIterable<Uint8Array>,
  ): Promise<ReadyAsset> {
    const key = outputKey(accountId, jobId, index, contentType);
    const { sizeBytes, sha256 } = await this.objects.put(key, body, { contentType, sizeBytesMax: contentTypeOf(contentType).bytesMax });
    return {
      accountId,
      jobId,
      index,
      kind: 'generated',
      state: 'ready',
      key,
      contentType,
      widthPx,
      heightPx,
      sizeBytes,
      sha256,
      createdMs: this.clock.now(),
    };
  }

  async #commit({ accountId, jobId }: Job, stored: readonly StoredOutput[]): Promise<void> {
    const replaced = await this.assets.putAll(new Map(stored.map(({ assetId, asset }) => [assetId, asset])));
    if (await this.assets.hasEnded(jobId)) {
      await this.jobFiles.purge(accountId, jobId);
      throw jobEnded();
    }
    const keys = new Set(stored.map(({ asset }) => asset.key));
    // An earlier attempt may have delivered the same output in another format.
    for (const { key } of replaced) if (!keys.has(key)) await this.objects.delete(key);
  }
}

function assertOutputs({ accountId, jobId }: Job, outputs: readonly NewOutput[]): void {
  assertId('account_id', accountId);
  assertId('job_id', jobId);
  if (outputs.length > outputsMax) throw tooMany('assets', outputsMax);
  for (const { assetId, contentType } of outputs) {
    assertId('asset_id', assetId);
    contentTypeOf(contentType);
  }
  const isRepeated =
    new Set(outputs.map(({ assetId }) => assetId)).size < outputs.length ||
    new Set(outputs.map(({ index }) => index)).size < outputs.length;
  if (isRepeated) throw repeatedAsset();
}
