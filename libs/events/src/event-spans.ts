import type { LoggedEvent } from '@tessera/documents/event-log.js';
import type { OutboxEvent } from '@tessera/documents/outbox.js';
import { inSpan, isTracing, startSpan, type Attributes } from '@tessera/platform/telemetry/span.js';
import { inTrace } from '@tessera/platform/trace.js';

const attributesOf = (operation: 'send' | 'process', { id, type, key }: OutboxEvent): Attributes => ({
  'messaging.operation.type': operation,
  'messaging.operation.name': operation,
  'messaging.destination.name': type,
  'messaging.message.id': id,
  'tessera.event.key': key,
});

/**
 * Events from the outbox to the broker: one span for each, from its commit to the broker's word, so that waiting in the outbox is seen. The record carries the span on.
 */
export async function relayed(events: readonly OutboxEvent[], write: (events: readonly OutboxEvent[]) => Promise<void>): Promise<void> {
  if (!isTracing()) return write(events);
  const sent = events.map((event) => {
    const attributes = { ...attributesOf('send', event), 'messaging.system': 'kafka', 'messaging.batch.message_count': events.length };
    const span = event.traceparent === undefined ? undefined : startSpan(`send ${event.type}`, { kind: 'producer', parent: event.traceparent, startMs: event.occurredMs, attributes });
    return { event: span?.traceparent === undefined ? event : { ...event, traceparent: span.traceparent }, span };
  });
  try {
    await inTrace(undefined, () => write(sent.map(({ event }) => event)));
  } catch (error) {
    for (const { span } of sent) span?.fail(error);
    throw error;
  } finally {
    for (const { span } of sent) span?.end();
  }
}

/**
 * One attempt of a group's handler, below the span that made or sent the event: an event has one cause, so it is a child and not a link, and a job stays one trace.
 * Exactly in the event's context: the loop that read it was woken by somebody else's commit.
 */
export function processed<T>(group: string, event: LoggedEvent, attempt: number, handle: () => Promise<T>): Promise<T> {
  return inTrace(event.traceparent, () => {
    if (!isTracing()) return handle();
    const attributes = { ...attributesOf('process', event), 'messaging.consumer.group.name': group, 'tessera.event.attempt': attempt };
    return inSpan(`process ${event.type}`, attributes, handle, { kind: 'consumer' });
  });
}
