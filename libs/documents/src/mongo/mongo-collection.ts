import type mongoose from 'mongoose';
import { Collection, type CollectionSpec, type Page, type Query, type Stored, type Write } from '../documents.js';
import { cursorKeys, pageOf } from '../page-cursor.js';
import { checkId, checkIds, checkPage, checkWhere, fullSort } from '../query-rules.js';
import { countFilter, findFilter, sortOrder } from './filter.js';
import { storeError } from './mongo-errors.js';
import { stored, type StoredDocument } from './stored-document.js';

export type DriverCollection = mongoose.mongo.Collection<StoredDocument>;

export class MongoCollection<T extends object> extends Collection<T> {
  readonly name: string;

  /** `declared` settles when collection and indexes exist in the server. */
  constructor(
    private readonly spec: CollectionSpec,
    private readonly driver: DriverCollection,
    private readonly declared: Promise<void>,
  ) {
    super();
    this.name = spec.name;
  }

  async get(id: string): Promise<Stored<T> | undefined> {
    checkId(id);
    const document = await this.read(() => this.driver.findOne({ _id: id }));
    return document === null ? undefined : stored<T>(this.spec, document);
  }

  async getMany(ids: readonly string[]): Promise<Stored<T>[]> {
    checkIds(ids);
    ids.forEach(checkId);
    const documents = await this.read(() => this.driver.find({ _id: { $in: [...ids] } }).toArray());
    const found = new Map(documents.map((document) => [document._id, document]));
    return ids.flatMap((id) => {
      const document = found.get(id);
      return document === undefined ? [] : [stored<T>(this.spec, document)];
    });
  }

  async find(query: Query): Promise<Page<T>> {
    checkPage(query);
    const conditions = checkWhere(this.spec, query.where);
    const sort = fullSort(this.spec, query.sort, conditions);
    const keys = query.after === undefined ? undefined : cursorKeys(this.name, query.where, sort, query.after);
    // One more than the page holds, to know whether there is another page.
    const page = { sort: sortOrder(sort), limit: query.limit + 1, skip: query.offset ?? 0, batchSize: query.limit + 2 };
    const documents = await this.read(() => this.driver.find(findFilter(conditions, sort, keys), page).toArray());
    return pageOf(this.name, query, sort, documents, (document) => stored<T>(this.spec, document));
  }

  async count(where?: Query['where'], upTo?: number): Promise<number> {
    const conditions = checkWhere(this.spec, where);
    return this.read(() => this.driver.countDocuments(countFilter(conditions), upTo === undefined ? {} : { limit: upTo }));
  }

  insert(id: string, value: T): Write {
    checkId(id);
    return { kind: 'insert', collection: this.name, id, value };
  }

  replace({ id, revision }: Pick<Stored<T>, 'id' | 'revision'>, value: T): Write {
    return { kind: 'replace', collection: this.name, id, revision, value };
  }

  remove({ id, revision }: Pick<Stored<T>, 'id' | 'revision'>): Write {
    return { kind: 'remove', collection: this.name, id, revision };
  }

  private async read<R>(run: () => Promise<R>): Promise<R> {
    await this.declared;
    try {
      return await run();
    } catch (error) {
      throw storeError(error);
    }
  }
}
