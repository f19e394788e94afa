import { Injectable } from '@nestjs/common';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { Clock } from '@tessera/platform/clock.js';
import { newId } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { checkDataset, type CheckedPicture, type Warning } from './checks/check-dataset.js';
import { datasetsMax, type Dataset, type ReadyPicture } from './dataset.js';
import { DatasetStore } from './dataset.store.js';
import { invalidPageSize, tooManyDatasets } from './errors.js';
import { linksTo } from './links.js';
import { requireDescription, requireName, requireTrigger } from './notes.js';
import { isOptedOut } from './opt-out.js';
import { OptOutList } from './opt-out-list.js';
import { PictureBound } from './picture-bound.js';
import { Removals } from './removals.js';
import { Settling } from './settling.js';
import { isReady } from './versions.js';

export type KnownDataset = { readonly datasetId: string; readonly picturesMax: number } & Dataset;
export type ShownPicture = { readonly pictureId: string; readonly url: string } & ReadyPicture;
export type ShownDataset = {
  readonly dataset: KnownDataset;
  readonly pictures: readonly ShownPicture[];
  readonly warnings: readonly Warning[];
  readonly awaited: number;
};

/** Well within the deadline of a call between services. */
const settleBudgetMs = 5_000;
const pageSizeDefault = 50;
const pageSizeMax = 100;

@Injectable()
export class Datasets {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly store: DatasetStore,
    private readonly settling: Settling,
    private readonly removals: Removals,
    private readonly optOut: OptOutList,
    private readonly plans: AccountPlans,
    private readonly clock: Clock,
    private readonly bound: PictureBound,
    rpc: Rpc,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  async create(
    accountId: string,
    asked: { readonly name: string; readonly description: string; readonly trigger: string },
  ): Promise<KnownDataset> {
    requireAllowed('training', await this.plans.of(accountId));
    if ((await this.store.count(accountId, datasetsMax)) >= datasetsMax) throw tooManyDatasets(datasetsMax);
    const now = this.clock.now();
    const datasetId = newId();
    const dataset: Dataset = {
      accountId,
      name: requireName(asked.name),
      description: requireDescription(asked.description),
      trigger: requireTrigger(asked.trigger),
      createdMs: now,
      updatedMs: now,
      pictures: 0,
      refused: [],
    };
    await this.store.insert(datasetId, dataset);
    return this.#known(datasetId, dataset);
  }

  /** With all that is known of its pictures. */
  async show(accountId: string, datasetId: string): Promise<ShownDataset> {
    await this.store.get(accountId, datasetId);
    await this.settling.settle(datasetId, settleBudgetMs);
    const { value: dataset } = await this.store.get(accountId, datasetId);
    const all = await this.store.pictures(datasetId);
    const ready = all.filter(isReady);
    const links = await linksTo(this.#storage, accountId, ready);
    const optOut = await this.optOut.current();
    const checked = ready.map(({ id, value }): CheckedPicture => ({
      pictureId: id,
      caption: value.caption,
      measured: value.measured,
      ...(links.has(value.assetId) ? (isOptedOut(optOut, value.measured) ? { unusable: 'opted_out' } : {}) : { unusable: 'lost_file' }),
    }));
    return {
      dataset: await this.#known(datasetId, dataset),
      pictures: ready.map(({ id, value }) => ({ pictureId: id, url: links.get(value.assetId) ?? '', ...value })),
      warnings: checkDataset(checked, dataset.trigger),
      awaited: all.length - ready.length,
    };
  }

  async list(accountId: string, pageSize: number, pageToken: string): Promise<{ datasets: KnownDataset[]; nextPageToken: string }> {
    if (pageSize > pageSizeMax) throw invalidPageSize(pageSizeMax);
    const { items, next = '' } = await this.store.page(accountId, pageSize || pageSizeDefault, pageToken);
    const datasets = await Promise.all(items.map(({ id, value }) => this.#known(id, value)));
    return { datasets, nextPageToken: next };
  }

  /** What is absent stays. */
  async update(
    accountId: string,
    datasetId: string,
    {
      name,
      description,
      trigger,
    }: { readonly name?: string | undefined; readonly description?: string | undefined; readonly trigger?: string | undefined },
  ): Promise<KnownDataset> {
    const changes = {
      ...(name === undefined ? {} : { name: requireName(name) }),
      ...(description === undefined ? {} : { description: requireDescription(description) }),
      ...(trigger === undefined ? {} : { trigger: requireTrigger(trigger) }),
    };
    const changed = await this.store.change(accountId, datasetId, async (dataset) => ({
      dataset: { ...dataset, ...changes, updatedMs: this.clock.now() },
    }));
    return this.#known(datasetId, changed);
  }

  /** It is gone when this answers; its files follow. */
  async remove(accountId: string, datasetId: string): Promise<void> {
    await this.store.remove(accountId, datasetId, this.clock.now());
    this.removals.begin();
  }

  async #known(datasetId: string, dataset: Dataset): Promise<KnownDataset> {
    return { datasetId, picturesMax: await this.bound.of(dataset.accountId), ...dataset };
  }
}
