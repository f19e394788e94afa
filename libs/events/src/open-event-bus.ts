import type { Documents } from '@tessera/documents/documents.js';
import type { EventLog } from '@tessera/documents/event-log.js';
import type { Outbox } from '@tessera/documents/outbox.js';
import type { KafkaSettings } from '@tessera/platform/kafka-settings.js';
import type { Logger } from '@tessera/platform/logger.js';
import { EmbeddedEventBus } from './embedded/embedded-event-bus.js';
import type { EventBus } from './event-bus.js';

type CommonOptions = {
  readonly documents: Documents;
  readonly logger: Logger;
  /** Attempts in all, and the back-off between them, which doubles from `baseMs` up to `capMs`. Default: 5, 50 ms, 5 s. */
  readonly retry?: { readonly attempts?: number; readonly baseMs?: number; readonly capMs?: number };
};
/** The log that lies beside the documents. */
export type EmbeddedOptions = CommonOptions & { readonly eventLog: EventLog };
/** Topics on `host:port` of some brokers, connected to as `kafka` configures it, fed from the outbox that lies beside the documents. */
export type ClusterOptions = CommonOptions & {
  readonly outbox: Outbox;
  readonly kafkaBrokers: readonly string[];
  readonly kafka?: KafkaSettings | undefined;
};

/** The event bus that fits the document store. Stop it before the store is closed. */
export function openEventBus(options: EmbeddedOptions): EventBus;
export function openEventBus(options: ClusterOptions): Promise<EventBus>;
export function openEventBus(options: EmbeddedOptions | ClusterOptions): EventBus | Promise<EventBus> {
  const retry = { attempts: 5, baseMs: 50, capMs: 5_000, ...options.retry };
  if ('eventLog' in options) return new EmbeddedEventBus(options.eventLog, options.documents, options.logger, retry);
  // Loaded where it is needed: the single profile does without a client of Kafka.
  return import('./kafka/open-kafka.js').then(({ openKafka }) => openKafka(options, retry));
}
