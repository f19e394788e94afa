import { invalidArgument } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { Documents, type Collection, type CollectionSpec, type Write } from '../documents.js';
import { toJson } from '../json.js';
import { mergedSpec } from '../merged-spec.js';
import type { OutgoingEvent } from '../outgoing-event.js';
import { checkId, checkSpec } from '../query-rules.js';
import type { GroupCommit } from './group-commit.js';
import { writeKinds, type PackedEvent, type PackedWrite, type WriterRequest } from './protocol.js';
import type { Reader } from './reader.js';
import { tableDefinition } from './schema.js';
import { SqliteCollection } from './sqlite-collection.js';
import type { WorkerCalls } from './worker-calls.js';

/** More is a batch job, and is split by its caller: a commit holds up everybody behind it. */
const writesPerCommitMax = 1000;

type Declared = { readonly spec: CollectionSpec; readonly done: Promise<void> };

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
    const done = isNew ? this.declare(merged) : known.done;
    this.declared.set(spec.name, { spec: merged, done });
    return new SqliteCollection<T>(merged, this.reader, done);
  }

  async commit(writes: readonly Write[], events: readonly OutgoingEvent[] = []): Promise<void> {
    if (writes.length + events.length === 0) return;
    if (writes.length + events.length > writesPerCommitMax) throw invalidArgument('commit_too_large', `A commit may have at most ${writesPerCommitMax} writes and events.`);
    let chars = 0;
    const packed = writes.map((write) => {
      const one = this.pack(write);
      chars += one[4].length;
      return one;
    });
    for (const { data } of events) chars += data.byteLength;
    await this.commits.commit([packed, events.map(packEvent)], chars);
  }

  private pack(write: Write): PackedWrite {
    if (!this.declared.has(write.collection)) throw invalidArgument('unknown_collection', `The collection ${write.collection} was not declared.`);
    checkId(write.id);
    const revision = write.kind === 'insert' ? 0 : write.revision;
    return [writeKinds[write.kind], write.collection, write.id, revision, write.kind === 'remove' ? '' : toJson(write.value)];
  }

  private async declare(spec: CollectionSpec): Promise<void> {
    const declaring = this.writer.call({ kind: 'declare', table: tableDefinition(spec) }).then(() => undefined);
    // Whoever reads gets the refusal as well; this keeps it from going unseen when nobody reads.
    declaring.catch((error: unknown) => this.logger?.error({ err: error, collection: spec.name }, 'a collection could not be declared'));
    return declaring;
  }
}

function packEvent({ id, type, key, data, traceparent }: OutgoingEvent): PackedEvent {
  // Between threads a view is copied with all of the buffer behind it; a slice has only its own bytes.
  return [id, type, key, data.byteLength === data.buffer.byteLength ? data : data.slice(), traceparent ?? null];
}
