import type { Logger } from '@tessera/platform/logger.js';
import type { Consumer, Kafka } from 'kafkajs';
import { kafkaClient } from './kafka-client.js';
import type { KafkaSecurity } from './kafka-security.js';

/** For specs: a client whose consumers can be taken away from under a bus, which then cannot commit what it has handled last. */
export function vanishingKafka(
  brokers: readonly string[],
  logger: Logger,
  security: KafkaSecurity = {},
): { readonly kafka: Kafka; vanish(): Promise<void> } {
  const kafka = kafkaClient(brokers, security, 'spec', logger);
  const consumers: Consumer[] = [];
  const open = kafka.consumer.bind(kafka);
  kafka.consumer = (config) => {
    const consumer = open(config);
    consumers.push(consumer);
    return consumer;
  };
  return { kafka, vanish: async () => void (await Promise.all(consumers.map((consumer) => consumer.disconnect()))) };
}
