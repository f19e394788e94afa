import type { Documents } from '@tessera/documents/documents.js';
import type { Outbox } from '@tessera/documents/outbox.js';
import type { KafkaSettings } from '@tessera/platform/kafka-settings.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Retry } from '../deliveries.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaEventBus } from './kafka-event-bus.js';
import { kafkaSecurity } from './kafka-security.js';

export type KafkaOptions = {
  readonly kafkaBrokers: readonly string[];
  readonly kafka?: KafkaSettings | undefined;
  readonly outbox: Outbox;
  readonly documents: Documents;
  readonly logger: Logger;
};

/** Connects when it is started, or asked for its lag. Throws FailedPrecondition `kafka_certificate_unusable`. */
export async function openKafka(
  { kafkaBrokers, kafka = {}, outbox, documents, logger }: KafkaOptions,
  retry: Retry,
): Promise<KafkaEventBus> {
  const client = kafkaClient(kafkaBrokers, await kafkaSecurity(kafka, logger), outbox.installation, logger);
  return new KafkaEventBus(client, kafkaBrokers, outbox, documents, logger, retry);
}
