import type { OutgoingEvent } from './outgoing-event.js';

/** An event as it stands in the log. `offset` grows with every commit and never repeats. */
export type LoggedEvent = OutgoingEvent & { readonly offset: number; readonly occurredMs: number };

/**
 * The durable event log that lies in the same file as the documents: what `Documents.commit` carried is here, in commit order.
 * Only the embedded EventBus reads it.
 */
export abstract class EventLog {
  /** Events of the given types with an offset above `afterOffset`, oldest first, at most `limit`. */
  abstract read(types: readonly string[], afterOffset: number, limit: number): Promise<LoggedEvent[]>;
  /** How many events `read` has to give behind an offset. */
  abstract count(types: readonly string[], afterOffset: number): Promise<number>;
  /** Offset of the newest event; 0 when there is none. */
  abstract lastOffset(): Promise<number>;
  /** Calls back, at least once, after new events have been committed, by this process or by another one on the same file. Returns the way to stop. */
  abstract onAppended(listener: () => void): () => void;
  /** Forgets events up to and including `offset` that are older than `olderThanMs`, counted back from now. */
  abstract trim(offset: number, olderThanMs: number): Promise<void>;
}
