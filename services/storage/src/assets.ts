import { Injectable } from '@nestjs/common';
import { AssetMarkedSchema } from '@tessera/contracts/tessera/storage/v1/events_pb.js';
import { retryOnConflict, type Stored } from '@tessera/documents/documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Asset, ReadyAsset } from './asset.js';
import { AssetStore } from './asset.store.js';
import { piecesOf } from './byte-streams.js';
import { beingReplaced, isRefusal, notAnOutput, tooMany, unknownAsset } from './errors.js';
import { Uploads } from './uploads.js';

export type SignedAsset = { readonly assetId: string; readonly url: string; readonly isAccepted: boolean };

/** As many as the document store reads at once. */
const signedIdsMax = 1000;

const linkLifeDefaultMs = 3_600_000;

/** As S3: a signed link that lives longer is not to be had there. */
const linkLifeMaxMs = 7 * 24 * 3_600_000;

/** Links that live an hour or more end on a multiple of this, so that who asks again soon gets the same link, and a browser its cached file. */
const linkRoundingMs = 10 * 60_000;

/** Attempts to read an upload that is being replaced through its form at the same time. */
const readAttemptsMax = 3;

@Injectable()
export class Assets {
  constructor(
    private readonly assets: AssetStore,
    private readonly uploads: Uploads,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
  ) {}

  async get(accountId: string, assetId: string): Promise<ReadyAsset> {
    return this.uploads.ready(await this.owned(accountId, assetId));
  }

  async putUpload(accountId: string, assetId: string, data: Uint8Array): Promise<ReadyAsset> {
    return this.uploads.put(await this.owned(accountId, assetId), data);
  }

  /** The description, then the bytes in small pieces. */
  async *read(accountId: string, assetId: string): AsyncGenerator<{ asset: ReadyAsset } | { data: Uint8Array }> {
    const { asset, body } = await this.open(accountId, assetId);
    try {
      yield { asset };
      for await (const chunk of body) {
        for (const data of piecesOf(chunk)) yield { data };
      }
    } finally {
      // A reader who goes away after the description has not touched the body, which may hold a file open.
      await discard(body);
    }
  }

  /** The bytes of an upload are the ones that were inspected, although its form may be sent again while it is valid. */
  private async open(accountId: string, assetId: string): Promise<{ asset: ReadyAsset; body: AsyncIterable<Uint8Array> }> {
    let asset = await this.get(accountId, assetId);
    for (let attempt = 1; attempt <= readAttemptsMax; attempt++) {
      const { head, body } = await this.objects.get(asset.key).catch((error: unknown) => {
        if (error instanceof TesseraError && error.reason === 'unknown_object') throw unknownAsset();
        throw error;
      });
      if (asset.kind === 'generated' || head.sha256 === asset.sha256) return { asset, body };
      await discard(body);
      asset = await this.uploads.inspect(assetId);
    }
    throw beingReplaced();
  }

  /** Ids that are unknown, another account's or not usable are left out. */
  async sign(accountId: string, assetIds: readonly string[], lifeMs: number): Promise<SignedAsset[]> {
    if (assetIds.length > signedIdsMax) throw tooMany('asset_ids', signedIdsMax);
    const expiresMs = this.expiry(lifeMs);
    const signed: SignedAsset[] = [];
    for (const stored of await this.assets.getMany([...new Set(assetIds)])) {
      if (stored.value.accountId !== accountId) continue;
      const asset = await this.uploads.ready(stored).catch(unlessRefused);
      if (asset)
        signed.push({
          assetId: stored.id,
          url: await this.objects.signDownload(asset.key, expiresMs),
          isAccepted: asset.isAccepted ?? false,
        });
    }
    return signed;
  }

  private expiry(lifeMs: number): number {
    const life = Math.min(lifeMs || linkLifeDefaultMs, linkLifeMaxMs - linkRoundingMs);
    const expiresMs = this.clock.now() + life;
    return life < linkLifeDefaultMs ? expiresMs : Math.ceil(expiresMs / linkRoundingMs) * linkRoundingMs;
  }

  /** Somebody takes an output of a job, or does not any more: noted with the asset and told to the world in one commit. A repeat changes nothing. */
  mark(accountId: string, assetId: string, isAccepted: boolean): Promise<ReadyAsset> {
    return retryOnConflict(async () => {
      const current = await this.owned(accountId, assetId);
      const { value } = current;
      if (value.state !== 'ready' || value.kind !== 'generated' || value.jobId === undefined) throw notAnOutput();
      if ((value.isAccepted ?? false) === isAccepted) return value;
      const marked = { ...value, isAccepted };
      const event = outgoingEvent(AssetMarkedSchema, assetId, {
        assetId,
        accountId,
        jobId: value.jobId,
        isAccepted,
        markedMs: BigInt(this.clock.now()),
      });
      await this.assets.replace(current, marked, [event]);
      return marked;
    });
  }

  async delete(accountId: string, assetId: string): Promise<void> {
    const { value } = await this.owned(accountId, assetId);
    await this.assets.remove([assetId]);
    await this.objects.delete(value.key);
  }

  private async owned(accountId: string, assetId: string): Promise<Stored<Asset>> {
    const stored = await this.assets.get(assetId);
    if (!stored || stored.value.accountId !== accountId) throw unknownAsset();
    return stored;
  }
}

function unlessRefused(error: unknown): undefined {
  if (!isRefusal(error)) throw error;
}

async function discard(body: AsyncIterable<Uint8Array>): Promise<void> {
  await body[Symbol.asyncIterator]().return?.();
}
