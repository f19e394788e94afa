import { InTurn } from '@tessera/platform/concurrency/in-turn.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import type { Logger } from '@tessera/platform/logger.js';
import type mongoose from 'mongoose';
import type { Deliver } from '../outbox.js';
import { outboxCollection, outboxEvent, type OutboxRow } from './outbox-row.js';
import { LeaseLost, RelayLease, type RelayRow } from './relay-lease.js';

/** Batches carry the throughput: brokers take single sends one round trip each. */
const batchEventsMax = 500;
/** Below a broker's default limit for a batch of records, headers included. */
const batchBytesMax = 640 * 1024;
/** One lookup by id; bounds how long the outbox rests after an orderly end of the relay elsewhere. */
const standbyLookMs = 500;
const retryMsMin = 100;
const retryMsMax = 2_000;
/** InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost: the server no longer knows the place where we stopped. */
const placeLost: ReadonlySet<unknown> = new Set([260, 280, 286]);

export const relayName = 'events.relay';

type Appended = { readonly _id: unknown; readonly fullDocument: OutboxRow };

/**
 * Follows the outbox through a change stream, which gives rows in the order of their commits across all processes, without polling.
 * Hand on, delete, note the place: a crash in between repeats the last batch, and never passes over a row.
 */
export class OutboxRelay {
  private readonly lease: RelayLease;
  private readonly stopping = new AbortController();
  private cursor: mongoose.mongo.AggregationCursor<Appended> | undefined;
  private readonly turns = new InTurn();

  constructor(
    private readonly connection: mongoose.Connection,
    owner: string,
    private readonly deliver: Deliver,
    private readonly logger: Logger | undefined,
  ) {
    const rows = connection.getClient().db(connection.name).collection<RelayRow>(relayName);
    this.lease = new RelayLease(rows, owner, () => void this.cursor?.close());
  }

  stop(): void {
    this.stopping.abort();
    void this.cursor?.close();
  }

  /** Runs until it is stopped. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      try {
        const row = await this.lease.acquire();
        if (row === undefined) await this.rest(standbyLookMs);
        else await this.relayFrom(row).finally(() => this.lease.release());
        failures = 0;
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        if (!(error instanceof LeaseLost)) this.logger?.warn({ err: error }, 'events could not be handed on; will try again');
        await this.rest(Math.min(retryMsMax, retryMsMin * 2 ** failures++) * (0.5 + Math.random() / 2));
      }
    }
  }

  /** One after the other with our own steps. */
  async whileStill<T>(look: () => Promise<T>): Promise<T> {
    return this.turns.run('outbox', look);
  }

  private async relayFrom({ resumeToken }: RelayRow): Promise<void> {
    if (resumeToken === undefined) return this.relayLeftovers();
    try {
      await this.follow({ resumeAfter: resumeToken });
    } catch (error) {
      if (!placeLost.has((error as { code?: unknown }).code)) throw error;
      this.logger?.warn({ err: error }, 'the place in the change stream is lost; going through all of the outbox');
      await this.relayLeftovers();
    }
  }

  /** All that lies there, in the order of ids, then the stream from just before we looked: what is in both is looked up again before it is handed on. */
  private async relayLeftovers(): Promise<void> {
    const { operationTime } = await this.connection.getClient().db('admin').command({ hello: 1 });
    const rows = outboxCollection(this.connection);
    for (;;) {
      const batch = bounded(await rows.find().sort({ _id: 1 }).limit(batchEventsMax).toArray());
      if (batch.length === 0 || this.stopping.signal.aborted) break;
      await this.whileStill(() => this.handOn(batch));
    }
    await this.follow({ startAtOperationTime: operationTime }, true);
  }

  private async follow(start: Record<string, unknown>, mayRepeat = false): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const pipeline = [{ $changeStream: start }, { $match: { operationType: 'insert' } }, { $project: { fullDocument: 1 } }];
    const cursor = outboxCollection(this.connection).aggregate<Appended>(pipeline, { batchSize: batchEventsMax });
    this.cursor = cursor;
    try {
      while (!this.stopping.signal.aborted) {
        const first = await cursor.next();
        if (first === null) throw new Error('the change stream has ended');
        let appended = [first, ...cursor.readBufferedDocuments(batchEventsMax - 1)];
        while (appended.length > 0) {
          this.lease.check();
          const batch = bounded(appended.map(({ fullDocument }) => fullDocument));
          const last = appended[batch.length - 1];
          await this.whileStill(() => this.step(batch, last?._id, mayRepeat));
          appended = appended.slice(batch.length);
        }
      }
    } finally {
      await cursor.close();
    }
  }

  private async step(batch: readonly OutboxRow[], resumeToken: unknown, mayRepeat: boolean): Promise<void> {
    await this.handOn(mayRepeat ? await this.stillThere(batch) : batch);
    await this.lease.advance(resumeToken);
  }

  private async handOn(batch: readonly OutboxRow[]): Promise<void> {
    if (batch.length === 0) return;
    this.lease.check();
    await this.deliver(batch.map(outboxEvent));
    await outboxCollection(this.connection).deleteMany({ _id: { $in: batch.map(({ _id }) => _id) } });
  }

  private async stillThere(batch: readonly OutboxRow[]): Promise<OutboxRow[]> {
    const found = await outboxCollection(this.connection)
      .find({ _id: { $in: batch.map(({ _id }) => _id) } }, { projection: { _id: 1 } })
      .toArray();
    const ids = new Set(found.map(({ _id }) => _id));
    return batch.filter(({ _id }) => ids.has(_id));
  }

  private rest(ms: number): Promise<void> {
    return pause(ms, this.stopping.signal);
  }
}

/** As many of the first as fit into a batch, at least one. */
function bounded(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ data, key, type }, index) => {
    bytes += data.length() + 3 * key.length + type.length + 300;
    return index > 0 && bytes > batchBytesMax;
  });
  return end === -1 ? rows : rows.slice(0, end);
}
