import { Injectable } from '@nestjs/common';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { derivedId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { versionsMax, type Picture, type ReadyPicture, type Version, type VersionPicture } from './dataset.js';
import { DatasetStore } from './dataset.store.js';
import { noUsablePictures, tooManyVersions, unknownVersion } from './errors.js';
import { linksTo } from './links.js';
import { isOptedOut } from './opt-out.js';
import { OptOutList } from './opt-out-list.js';
import { Settling } from './settling.js';
import { digestOfSet, distinctPictures, splitOf } from './version-set.js';

/** Longer than a reader waits: what is not looked at is not in the version. */
const settleBudgetMs = 20_000;

/** Sets of pictures that stay as they were: what a training names. */
@Injectable()
export class Versions {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly store: DatasetStore,
    private readonly settling: Settling,
    private readonly optOut: OptOutList,
    private readonly clock: Clock,
    rpc: Rpc,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  /** The commit holds the revision of every picture that it names: no caption changes and no picture goes while it is made. */
  async freeze(accountId: string, datasetId: string, seed: number): Promise<Version> {
    await this.store.get(accountId, datasetId);
    await this.settling.settle(datasetId, settleBudgetMs);
    let frozen: Version | undefined;
    await this.store.change(accountId, datasetId, async (dataset) => {
      const usable = await this.#usable(accountId, datasetId);
      const distinct = distinctPictures(usable.map((stored) => ({ pictureId: stored.id, ...stored.value })));
      if (distinct.length === 0) throw noUsablePictures();
      const digest = digestOfSet(distinct, seed);
      const versionId = versionIdOf(datasetId, digest);
      frozen = await this.store.version(datasetId, versionId);
      if (frozen) return { dataset };
      if ((await this.store.countVersions(datasetId, versionsMax)) >= versionsMax) throw tooManyVersions(versionsMax);
      const now = this.clock.now();
      const splits = splitOf(distinct, seed);
      const pictures = distinct.map((picture): VersionPicture => {
        const { state: _, isFrozen: __, ...described } = picture;
        return { ...described, split: splits.get(picture) ?? 'training' };
      });
      frozen = { datasetId, accountId, digest, seed, createdMs: now, pictures };
      const named = new Set(pictures.map(({ pictureId }) => pictureId));
      return {
        dataset: { ...dataset, updatedMs: now },
        writes: [
          this.store.addVersion(versionId, frozen),
          ...usable
            .filter(({ id }) => named.has(id))
            .map((stored) => this.store.replacePicture(stored, { ...stored.value, isFrozen: true })),
        ],
      };
    });
    if (!frozen) throw new Error('A change that was committed has decided.');
    return frozen;
  }

  async get(accountId: string, datasetId: string, digest: string): Promise<Version> {
    await this.store.get(accountId, datasetId);
    const version = await this.store.version(datasetId, versionIdOf(datasetId, digest));
    if (!version) throw unknownVersion();
    return version;
  }

  async list(accountId: string, datasetId: string): Promise<Version[]> {
    await this.store.get(accountId, datasetId);
    return (await this.store.versions(datasetId)).map(({ value }) => value);
  }

  /** With a file, and not opted out since they came. */
  async #usable(accountId: string, datasetId: string): Promise<Stored<ReadyPicture>[]> {
    const pictures = (await this.store.pictures(datasetId)).filter(isReady);
    const links = await linksTo(this.#storage, accountId, pictures);
    const optOut = await this.optOut.current();
    return pictures.filter(({ value }) => links.has(value.assetId) && !isOptedOut(optOut, value.measured));
  }
}

export const isReady = (stored: Stored<Picture>): stored is Stored<ReadyPicture> => stored.value.state === 'ready';

const versionIdOf = (datasetId: string, digest: string): string => derivedId('dataset version', datasetId, digest);
