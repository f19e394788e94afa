import { Injectable } from '@nestjs/common';
import { Documents, retryOnConflict, type Collection, type Page, type Stored, type Write } from '@tessera/documents/documents.js';
import { newId } from '@tessera/platform/ids.js';
import type { Dataset, Picture, Version } from './dataset.js';
import { unknownDataset, unknownPicture } from './errors.js';

/** Something whose files, and documents, are still to go: a dataset that was deleted, or single files. */
export type Removal = { readonly accountId: string; readonly dueMs: number } & (
  | { readonly datasetId: string }
  | { readonly assetIds: readonly string[] }
);

/** As many as the document store reads at once. */
const pageMax = 1_000;

/** The only file that knows how datasets are stored. Whatever changes the pictures of one also replaces its document, so its bound is exact and two changes at once cannot both count. */
@Injectable()
export class DatasetStore {
  readonly #datasets: Collection<Dataset>;
  readonly #pictures: Collection<Picture>;
  readonly #versions: Collection<Version>;
  readonly #removals: Collection<Removal>;

  constructor(private readonly documents: Documents) {
    this.#datasets = documents.collection({
      name: 'training.datasets',
      version: 1,
      indexes: [{ name: 'account', fields: ['accountId', 'createdMs'] }],
    });
    this.#pictures = documents.collection({
      name: 'training.dataset_pictures',
      version: 1,
      indexes: [{ name: 'dataset', fields: ['datasetId', 'addedMs'] }],
    });
    this.#versions = documents.collection({
      name: 'training.dataset_versions',
      version: 1,
      indexes: [{ name: 'dataset', fields: ['datasetId', 'createdMs'] }],
    });
    this.#removals = documents.collection({ name: 'training.removals', version: 1, indexes: [{ name: 'due', fields: ['dueMs'] }] });
  }

  async insert(datasetId: string, dataset: Dataset): Promise<void> {
    await this.documents.commit([this.#datasets.insert(datasetId, dataset)]);
  }

  async get(accountId: string, datasetId: string): Promise<Stored<Dataset>> {
    const stored = await this.#datasets.get(datasetId);
    if (stored?.value.accountId !== accountId) throw unknownDataset();
    return stored;
  }

  count(accountId: string, upTo: number): Promise<number> {
    return this.#datasets.count({ accountId }, upTo);
  }

  page(accountId: string, limit: number, after: string): Promise<Page<Dataset>> {
    return this.#datasets.find({ where: { accountId }, sort: [['createdMs', 'desc']], limit, ...(after === '' ? {} : { after }) });
  }

  async picture(datasetId: string, pictureId: string): Promise<Stored<Picture>> {
    const stored = await this.#pictures.get(pictureId);
    if (stored?.value.datasetId !== datasetId) throw unknownPicture();
    return stored;
  }

  /** In the order in which they were added. */
  pictures(datasetId: string): Promise<Stored<Picture>[]> {
    return all((after) => this.#pictures.find({ where: { datasetId }, sort: [['addedMs', 'asc']], limit: pageMax, ...after }));
  }

  async version(datasetId: string, versionId: string): Promise<Version | undefined> {
    const stored = await this.#versions.get(versionId);
    return stored?.value.datasetId === datasetId ? stored.value : undefined;
  }

  /** Newest first. */
  versions(datasetId: string): Promise<Stored<Version>[]> {
    return all((after) => this.#versions.find({ where: { datasetId }, sort: [['createdMs', 'desc']], limit: pageMax, ...after }));
  }

  countVersions(datasetId: string, upTo: number): Promise<number> {
    return this.#versions.count({ datasetId }, upTo);
  }

  /** Changes a dataset and what belongs to it in one commit; `decide` runs again when it lost a race. */
  change(
    accountId: string,
    datasetId: string,
    decide: (dataset: Dataset) => Promise<{ readonly dataset: Dataset; readonly writes?: readonly Write[] }>,
  ): Promise<Dataset> {
    return retryOnConflict(async () => {
      const stored = await this.get(accountId, datasetId);
      const { dataset, writes = [] } = await decide(stored.value);
      await this.documents.commit([this.#datasets.replace(stored, dataset), ...writes]);
      return dataset;
    });
  }

  addPicture(pictureId: string, picture: Picture): Write {
    return this.#pictures.insert(pictureId, picture);
  }

  replacePicture(current: Stored<Picture>, picture: Picture): Write {
    return this.#pictures.replace(current, picture);
  }

  removePicture(current: Stored<Picture>): Write {
    return this.#pictures.remove(current);
  }

  addVersion(versionId: string, version: Version): Write {
    return this.#versions.insert(versionId, version);
  }

  /** Part of the commit that makes something superfluous. */
  addRemoval(removal: Removal): Write {
    return this.#removals.insert(newId(), removal);
  }

  /** The dataset is gone with the commit; its documents and files follow. */
  async remove(accountId: string, datasetId: string, dueMs: number): Promise<void> {
    await retryOnConflict(async () => {
      const stored = await this.get(accountId, datasetId);
      await this.documents.commit([this.#datasets.remove(stored), this.addRemoval({ accountId, datasetId, dueMs })]);
    });
  }

  async removals(dueMs: number, limit: number): Promise<readonly Stored<Removal>[]> {
    return (await this.#removals.find({ where: { dueMs: { lte: dueMs } }, sort: [['dueMs', 'asc']], limit })).items;
  }

  /** Once the files are gone: the documents that named them, and the note that they were to go. Another process may have done it already. */
  async finishRemoval(removal: Stored<Removal>): Promise<void> {
    if ('datasetId' in removal.value) {
      const { datasetId } = removal.value;
      await this.#removeAll(this.#pictures, datasetId);
      await this.#removeAll(this.#versions, datasetId);
    }
    await retryOnConflict(async () => {
      const current = await this.#removals.get(removal.id);
      if (current) await this.documents.commit([this.#removals.remove(current)]);
    });
  }

  async #removeAll<T extends object>(collection: Collection<T>, datasetId: string): Promise<void> {
    for (;;) {
      const { items } = await collection.find({ where: { datasetId }, limit: pageMax });
      if (items.length === 0) return;
      await retryOnConflict(async () => {
        const current = await collection.getMany(items.map(({ id }) => id));
        if (current.length > 0) await this.documents.commit(current.map((stored) => collection.remove(stored)));
      });
    }
  }
}

async function all<T>(pageAfter: (after: { readonly after?: string }) => Promise<Page<T>>): Promise<Stored<T>[]> {
  const items: Stored<T>[] = [];
  let next: string | undefined;
  do {
    const page = await pageAfter(next === undefined ? {} : { after: next });
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return items;
}
