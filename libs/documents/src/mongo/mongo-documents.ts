import { invalidArgument } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type mongoose from 'mongoose';
import { Documents, type Collection, type CollectionSpec, type Write } from '../documents.js';
import { mergedSpec } from '../merged-spec.js';
import type { OutgoingEvent } from '../outgoing-event.js';
import { checkId, checkSpec } from '../query-rules.js';
import { driverCollection } from './collection-model.js';
import type { GroupCommit } from './group-commit.js';
import type { PackedWrite } from './group-plan.js';
import { declareAndMigrate } from './migrate-collection.js';
import { MongoCollection } from './mongo-collection.js';
import { documentBody } from './stored-document.js';

/** More is a batch job, and is split by its caller: a commit delays all commits behind it. */
const writesPerCommitMax = 1000;
/** Brokers take messages of up to 1 MiB by default; one that is refused there would hold up all behind it for ever. */
const eventBytesMax = 512 * 1024;

type Declared = { readonly spec: CollectionSpec; readonly done: Promise<void>; isDone: boolean };

export class MongoDocuments extends Documents {
  private readonly declared = new Map<string, Declared>();

  constructor(
    private readonly connection: mongoose.Connection,
    private readonly commits: GroupCommit,
    private readonly logger: Logger | undefined,
  ) {
    super();
  }

  collection<T extends object>(spec: CollectionSpec): Collection<T> {
    checkSpec(spec);
    const known = this.declared.get(spec.name);
    const merged = known === undefined ? spec : mergedSpec(known.spec, spec);
    const isNew = known === undefined || merged.indexes.length > known.spec.indexes.length;
    const declared = isNew ? this.declare(merged, known?.done) : known;
    this.declared.set(spec.name, declared);
    return new MongoCollection<T>(merged, driverCollection(this.connection, spec.name), declared.done);
  }

  /** Resolves once no commit waits for a declaration any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.declared.values()].map(({ done }) => done));
  }

  /** Resolves once everything that was declared so far can be used; rejects with the first refusal. */
  async ready(): Promise<void> {
    await Promise.all([...this.declared.values()].map(({ done }) => done));
  }

  async commit(writes: readonly Write[], events: readonly OutgoingEvent[] = []): Promise<void> {
    if (writes.length + events.length === 0) return;
    if (writes.length + events.length > writesPerCommitMax)
      throw invalidArgument('commit_too_large', `A commit may have at most ${writesPerCommitMax} writes and events.`);
    let bytes = 0;
    for (const { data, type } of events) {
      bytes += data.byteLength;
      if (data.byteLength > eventBytesMax)
        throw invalidArgument('event_too_large', `An event may have at most ${eventBytesMax} bytes; this ${type} has ${data.byteLength}.`);
    }
    const packed = writes.map((write) => this.pack(write));
    for (const write of packed) if (write.kind !== 'remove') bytes += write.chars;
    // Only where it must wait: otherwise commits with the same event key would keep their order no longer.
    for (const { collection } of writes) if (this.declared.get(collection)?.isDone !== true) await this.declared.get(collection)?.done;
    await this.commits.commit({ writes: packed, events }, bytes);
  }

  private pack(write: Write): PackedWrite {
    const { collection, id } = write;
    const version = this.declared.get(collection)?.spec.version;
    if (version === undefined) throw invalidArgument('unknown_collection', `The collection ${collection} was not declared.`);
    checkId(id);
    switch (write.kind) {
      case 'insert':
        return { kind: 'insert', collection, id, revision: 0, ...documentBody(write.value, version) };
      case 'replace':
        return { kind: 'replace', collection, id, revision: write.revision, ...documentBody(write.value, version) };
      case 'remove':
        return { kind: 'remove', collection, id, revision: write.revision };
    }
  }

  /** One after the other: the server refuses two at once on the same collection. */
  private declare(spec: CollectionSpec, before: Promise<void> | undefined): Declared {
    const done = (before ?? Promise.resolve()).then(() => declareAndMigrate(this.connection, spec, this.logger));
    const declared: Declared = { spec, done, isDone: false };
    done.then(
      () => (declared.isDone = true),
      // Reads and commits get the refusal as well; the log has it where nothing reads or commits.
      (error: unknown) => this.logger?.error({ err: error, collection: spec.name }, 'a collection could not be declared'),
    );
    return declared;
  }
}
