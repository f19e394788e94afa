import { invalidArgument } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { Documents, type Collection, type CollectionSpec, type Write } from '../documents.js';
import { toJson } from '../json.js';
import { mergedSpec } from '../merged-spec.js';
import type { OutgoingEvent } from '../outgoing-event.js';
import { checkId, checkSpec } from '../query-rules.js';
import type { GroupCommit } from './group-commit.js';
import { declareAndMigrate } from './migrate-collection.js';
import { writeKinds, type PackedEvent, type PackedWrite, type WriterRequest } from './protocol.js';
import type { Reader } from './reader.js';
import { SqliteCollection } from './sqlite-collection.js';
import type { WorkerCalls } from './worker-calls.js';

/** More is a batch job, and is split by its caller: a commit delays all commits behind it. */
const writesPerCommitMax = 1000;

/** `isOpen`: the documents have the version of the spec, from the first declaration on; `done` settles with the indexes as well. */
type Declared = { readonly spec: CollectionSpec; readonly done: Promise<void>; readonly opened: Promise<void>; isOpen: boolean };

export class SqliteDocuments extends Documents {
  private readonly declared = new Map<string, Declared>();

  constructor(
    private readonly writer: WorkerCalls<WriterRequest>,
    private readonly commits: GroupCommit,
    private readonly reader: Reader,
    private readonly logger: Logger | undefined,
  ) {
    super();
  }

  collection<T extends object>(spec: CollectionSpec): Collection<T> {
    checkSpec(spec);
    const known = this.declared.get(spec.name);
    const merged = known === undefined ? spec : mergedSpec(known.spec, spec);
    const isNew = known === undefined || merged.indexes.length > known.spec.indexes.length;
    const declared = isNew ? this.declare(merged, known) : known;
    this.declared.set(spec.name, declared);
    return new SqliteCollection<T>(merged, this.reader, declared.done);
  }

  /** Resolves once no commit waits for a declaration any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.declared.values()].map(({ opened }) => opened));
  }

  /** Resolves once everything that was declared so far can be used; rejects with the first refusal. */
  async ready(): Promise<void> {
    await Promise.all([...this.declared.values()].map(({ done }) => done));
  }

  async commit(writes: readonly Write[], events: readonly OutgoingEvent[] = []): Promise<void> {
    if (writes.length + events.length === 0) return;
    if (writes.length + events.length > writesPerCommitMax)
      throw invalidArgument('commit_too_large', `A commit may have at most ${writesPerCommitMax} writes and events.`);
    let chars = 0;
    const packed = writes.map((write) => {
      const one = this.pack(write);
      chars += one[4].length;
      return one;
    });
    for (const { data } of events) chars += data.byteLength;
    for (const { collection } of writes) if (this.declared.get(collection)?.isOpen !== true) await this.declared.get(collection)?.opened;
    await this.commits.commit([packed, events.map(packEvent)], chars);
  }

  private pack(write: Write): PackedWrite {
    if (!this.declared.has(write.collection))
      throw invalidArgument('unknown_collection', `The collection ${write.collection} was not declared.`);
    checkId(write.id);
    const revision = write.kind === 'insert' ? 0 : write.revision;
    return [writeKinds[write.kind], write.collection, write.id, revision, write.kind === 'remove' ? '' : toJson(write.value)];
  }

  /** One after the other. An index that is refused later leaves those who declared the collection before with what they had. */
  private declare(spec: CollectionSpec, before: Declared | undefined): Declared {
    const done = (before?.opened ?? Promise.resolve()).then(() => declareAndMigrate(this.writer, spec, this.logger));
    const declared: Declared = { spec, done, opened: before?.opened ?? done, isOpen: before?.isOpen ?? false };
    declared.opened.then(
      () => (declared.isOpen = true),
      () => undefined,
    );
    // Reads and commits get the refusal as well; the log has it where nothing reads or commits.
    done.catch((error: unknown) => this.logger?.error({ err: error, collection: spec.name }, 'a collection could not be declared'));
    return declared;
  }
}

function packEvent({ id, type, key, data, traceparent }: OutgoingEvent): PackedEvent {
  // Between threads a view is copied with all of the buffer behind it; a slice has only its own bytes.
  return [id, type, key, data.byteLength === data.buffer.byteLength ? data : data.slice(), traceparent ?? null];
}
