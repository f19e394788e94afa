import type { Documents } from '@tessera/documents/documents.js';
import type { Outbox } from '@tessera/documents/outbox.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Retry } from '../deliveries.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaEventBus } from './kafka-event-bus.js';

export type KafkaOptions = { readonly kafkaBrokers: readonly string[]; readonly outbox: Outbox; readonly documents: Documents; readonly logger: Logger };

/** Connects when it is started, or asked for its lag. */
export function openKafka({ kafkaBrokers, outbox, documents, logger }: KafkaOptions, retry: Retry): KafkaEventBus {
  return new KafkaEventBus(kafkaClient(kafkaBrokers, outbox.installation, logger), kafkaBrokers, outbox, documents, logger, retry);
}
