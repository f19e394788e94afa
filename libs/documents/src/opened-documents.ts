import type { Documents } from './documents.js';
import type { EventLog } from './event-log.js';
import type { Outbox } from './outbox.js';

type Store = {
  readonly documents: Documents;
  /** Resolves once every collection that was declared so far is migrated and indexed; rejects with the first refusal. A start waits for it before it serves. */
  ready(): Promise<void>;
  /** Groups that were committed since the start: one fsync each. */
  fsyncs(): number;
  /** Rejects when a thread of the store is gone. */
  ping(): Promise<void>;
  /** Waits for the commits in flight. */
  close(): Promise<void>;
};

/** Events lie in a log beside the documents. */
export type OpenDocuments = Store & { readonly eventLog: EventLog };
/** Events lie in an outbox, on their way to a log elsewhere. */
export type OpenClusterDocuments = Store & { readonly outbox: Outbox };
