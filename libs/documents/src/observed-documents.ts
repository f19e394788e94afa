import { TesseraError } from '@tessera/platform/errors.js';
import { counter, distribution, latencyBuckets } from '@tessera/platform/telemetry/metrics.js';
import { inSpan, isTracing, startSpan, type Span } from '@tessera/platform/telemetry/span.js';
import { Documents, type Collection, type CollectionSpec, type Write } from './documents.js';
import type { OutgoingEvent } from './outgoing-event.js';

const commitDuration = distribution({
  name: 'tessera_store_commit_duration_seconds',
  help: 'From asking for a commit to its being durable.',
  buckets: latencyBuckets,
});
const commitsFailed = counter({
  name: 'tessera_store_commits_failed_total',
  help: 'Commits that did not happen: `Conflict` is a lost race and is tried again, all else is trouble.',
  labelNames: ['kind'],
});

/** Wraps the store of a process: commits are measured and, where spans are recorded, each is a span of its caller, and every event in it begins a span of its own. */
export class ObservedDocuments extends Documents {
  /** `system`: as the semantic conventions name the database. */
  constructor(
    private readonly documents: Documents,
    private readonly system: 'sqlite' | 'mongodb',
  ) {
    super();
  }

  collection<T extends object>(spec: CollectionSpec): Collection<T> {
    return this.documents.collection<T>(spec);
  }

  async commit(writes: readonly Write[], events: readonly OutgoingEvent[] = []): Promise<void> {
    const startedMs = performance.now();
    try {
      await (isTracing() ? this.#traced(writes, events) : this.documents.commit(writes, events));
    } catch (error) {
      commitsFailed.inc({ kind: error instanceof TesseraError ? error.kind : 'Internal' });
      throw error;
    }
    commitDuration.observe((performance.now() - startedMs) / 1_000);
  }

  #traced(writes: readonly Write[], events: readonly OutgoingEvent[]): Promise<void> {
    const collections = [...new Set(writes.map(({ collection }) => collection))].join(' ');
    const attributes = {
      'db.system.name': this.system,
      'db.operation.name': 'commit',
      'db.operation.batch.size': writes.length,
      'db.collection.name': collections,
    };
    return inSpan(`commit ${collections}`, attributes, () => this.#publish(writes, events), { kind: 'client' });
  }

  /** An event belongs to the trace that it names, which need not be that of the commit: a sweeper ends jobs of many traces. */
  async #publish(writes: readonly Write[], events: readonly OutgoingEvent[]): Promise<void> {
    const traced = events.map((event) => ({ event, span: createSpan(event) }));
    try {
      await this.documents.commit(
        writes,
        traced.map(({ event, span }) => (span?.traceparent === undefined ? event : { ...event, traceparent: span.traceparent })),
      );
    } catch (error) {
      for (const { span } of traced) span?.fail(error);
      throw error;
    } finally {
      for (const { span } of traced) span?.end();
    }
  }
}

/** `create`, as the conventions for messaging name it: the commit creates the event, the relay sends it. */
function createSpan({ id, type, key, traceparent, data }: OutgoingEvent): Span | undefined {
  if (traceparent === undefined) return undefined;
  const attributes = {
    'messaging.system': 'tessera',
    'messaging.operation.type': 'create',
    'messaging.operation.name': 'create',
    'messaging.destination.name': type,
    'messaging.message.id': id,
    'messaging.message.body.size': data.byteLength,
    'tessera.event.key': key,
  };
  return startSpan(`create ${type}`, { kind: 'producer', parent: traceparent, attributes });
}
