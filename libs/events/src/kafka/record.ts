import type { LoggedEvent } from '@tessera/documents/event-log.js';
import type { OutboxEvent } from '@tessera/documents/outbox.js';
import type { KafkaMessage, Message } from 'kafkajs';

/** Binary mode of the CloudEvents Kafka binding 1.0.2 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md). */
export function recordOf({ id, type, key, occurredMs, data, traceparent }: OutboxEvent, source: string): Message {
  return {
    key,
    value: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    timestamp: String(occurredMs),
    headers: {
      ce_specversion: '1.0',
      ce_id: id,
      ce_type: type,
      ce_source: source,
      ce_subject: key,
      ce_time: new Date(occurredMs).toISOString(),
      'content-type': 'application/protobuf',
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/** A record that others wrote may lack anything: what cannot be handled ends as a dead letter, never as an exception here. */
export function eventOf(type: string, partition: number, { key, value, headers, timestamp, offset }: KafkaMessage): LoggedEvent {
  const header = (name: string): string | undefined => {
    const given = headers?.[name];
    return Array.isArray(given) ? given[0]?.toString() : given?.toString();
  };
  return {
    id: header('ce_id') ?? `${type}/${partition}/${offset}`,
    type,
    key: key?.toString() ?? '',
    data: value === null ? new Uint8Array() : new Uint8Array(value),
    traceparent: header('traceparent'),
    occurredMs: Number(timestamp),
    offset: Number(offset),
  };
}
