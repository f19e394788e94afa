import { Collection, type CollectionSpec, type Page, type Query, type Stored, type Write } from '../documents.js';
import { cursorKeys, pageOf } from '../page-cursor.js';
import { checkId, checkIds, checkPage, checkWhere, fullSort } from '../query-rules.js';
import { countStatement, findStatement } from './query.js';
import type { DocumentRow, Reader } from './reader.js';

function stored<T>([id, revision, body]: DocumentRow): Stored<T> {
  return { id, revision, value: JSON.parse(body) as T };
}

export class SqliteCollection<T extends object> extends Collection<T> {
  readonly name: string;
  private isDeclared = false;

  /** `declared` settles when table and indexes exist in the file; reads wait for it. */
  constructor(
    private readonly spec: CollectionSpec,
    private readonly reader: Reader,
    private readonly declared: Promise<void>,
  ) {
    super();
    this.name = spec.name;
  }

  async get(id: string): Promise<Stored<T> | undefined> {
    checkId(id);
    await this.ready();
    const [row] = this.reader.few<DocumentRow>(`SELECT id,revision,body FROM "${this.name}" WHERE id=?`, [id]);
    return row === undefined ? undefined : stored<T>(row);
  }

  async getMany(ids: readonly string[]): Promise<Stored<T>[]> {
    checkIds(ids);
    ids.forEach(checkId);
    await this.ready();
    const sql = `SELECT id,revision,body FROM "${this.name}" WHERE id IN (SELECT value FROM json_each(?))`;
    const found = new Map(this.reader.few<DocumentRow>(sql, [JSON.stringify(ids)]).map((row) => [row[0], row]));
    return ids.flatMap((id) => {
      const row = found.get(id);
      return row === undefined ? [] : [stored<T>(row)];
    });
  }

  async find(query: Query): Promise<Page<T>> {
    checkPage(query);
    const conditions = checkWhere(this.spec, query.where);
    const sort = fullSort(this.spec, query.sort, conditions);
    const keys = query.after === undefined ? undefined : cursorKeys(this.name, query.where, sort, query.after);
    await this.ready();
    const rows = await this.reader.read<DocumentRow>(findStatement(this.spec, conditions, sort, query, keys));
    return pageOf(this.name, query, sort, rows, stored<T>);
  }

  async count(where?: Query['where'], upTo?: number): Promise<number> {
    const conditions = checkWhere(this.spec, where);
    await this.ready();
    const [row] = await this.reader.read<readonly [number]>(countStatement(this.spec, conditions, upTo));
    return row?.[0] ?? 0;
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

  /** Without a wait once the table is there: point reads are too frequent for a needless turn of the event loop. */
  private async ready(): Promise<void> {
    if (this.isDeclared) return;
    await this.declared;
    this.isDeclared = true;
  }
}
