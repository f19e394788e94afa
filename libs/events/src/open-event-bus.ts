import type { Documents } from '@tessera/documents/documents.js';
import type { EventLog } from '@tessera/documents/event-log.js';
import type { Logger } from '@tessera/platform/logger.js';
import { EmbeddedEventBus } from './embedded/embedded-event-bus.js';
import type { EventBus } from './event-bus.js';

export type EventBusOptions = {
  readonly eventLog: EventLog;
  readonly documents: Documents;
  readonly logger: Logger;
  /** Attempts in all, and the back-off between them, which doubles from `baseMs` up to `capMs`. Default: 5, 50 ms, 5 s. */
  readonly retry?: { readonly attempts?: number; readonly baseMs?: number; readonly capMs?: number };
};

/** The event bus over the log that lies in the document store. Stop it before the store is closed. */
export function openEventBus({ eventLog, documents, logger, retry }: EventBusOptions): EventBus {
  return new EmbeddedEventBus(eventLog, documents, logger, { attempts: 5, baseMs: 50, capMs: 5_000, ...retry });
}
