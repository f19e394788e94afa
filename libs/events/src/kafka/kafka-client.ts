import type { Logger } from '@tessera/platform/logger.js';
import kafkajs from 'kafkajs';
import { coPartitionAssigner } from './co-partition-assigner.js';
import type { KafkaSecurity } from './kafka-security.js';

const { Kafka, logLevel, Partitioners } = kafkajs;

const connectMsMax = 3_000;
const requestMsMax = 15_000;
/** Pauses double from the first to the last; some ten seconds in all, which covers the election of a partition's leader. Longer outages are the callers' loops. */
const retry = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 };

/** A member without a heartbeat for so long is removed from its group, and its partitions go to others. */
const sessionMs = 10_000;
const heartbeatEveryMs = 1_000;
/** A fetch that finds nothing waits so long in the broker; heartbeats, and with them notice of a rebalance, come in between. */
const fetchWaitMs = 500;
const fetchBytesMax = 4 * 1024 * 1024;
/** Of one partition at once, so that a busy one leaves room to others. */
const partitionBytesMax = 512 * 1024;

/** The client's own lines are for debugging: the bus itself logs what an operator can act on. */
const logCreator = (logger: Logger) => () => (entry: kafkajs.LogEntry) =>
  logger.debug({ kafka: entry.log, namespace: entry.namespace }, 'kafkajs');

export function kafkaClient(brokers: readonly string[], { ssl, sasl }: KafkaSecurity, clientId: string, logger: Logger): kafkajs.Kafka {
  // A user of its own: the client keeps its state of the mechanism in there.
  const security = { ...(ssl === undefined ? {} : { ssl }), ...(sasl === undefined ? {} : { sasl: { ...sasl } }) };
  return new Kafka({
    clientId,
    brokers: [...brokers],
    ...security,
    connectionTimeout: connectMsMax,
    requestTimeout: requestMsMax,
    retry,
    logLevel: logLevel.INFO,
    logCreator: logCreator(logger),
  });
}

/** One request in flight, numbered: the broker drops repeats and notices gaps, so a retry neither doubles nor reorders. */
export function idempotentProducer(kafka: kafkajs.Kafka): kafkajs.Producer {
  return kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry,
  });
}

export function groupConsumer(kafka: kafkajs.Kafka, groupId: string): kafkajs.Consumer {
  return kafka.consumer({
    groupId,
    sessionTimeout: sessionMs,
    heartbeatInterval: heartbeatEveryMs,
    rebalanceTimeout: sessionMs,
    maxWaitTimeInMs: fetchWaitMs,
    maxBytes: fetchBytesMax,
    maxBytesPerPartition: partitionBytesMax,
    allowAutoTopicCreation: false,
    partitionAssigners: [coPartitionAssigner],
    retry,
  });
}
