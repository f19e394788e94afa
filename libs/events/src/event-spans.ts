import type { LoggedEvent } from '@tessera/documents/event-log.js';
import type { OutboxEvent } from '@tessera/documents/outbox.js';
import { inSpan, isTracing, startSpan, type Attributes } from '@tessera/platform/telemetry/span.js';
import { eventDelay, handlingDuration, outboxDelay } from './event-metrics.js';
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
  if (!isTracing()) return write(events).then(() => measure(events));
  const sent = events.map((event) => {
    const attributes = { ...attributesOf('send', event), 'messaging.system': 'kafka', 'messaging.batch.message_count': events.length };
    const span =
      event.traceparent === undefined
        ? undefined
        : startSpan(`send ${event.type}`, { kind: 'producer', parent: event.traceparent, startMs: event.occurredMs, attributes });
    return { event: span?.traceparent === undefined ? event : { ...event, traceparent: span.traceparent }, span };
  });
  try {
    await inTrace(undefined, () => write(sent.map(({ event }) => event)));
    measure(events);
  } catch (error) {
    for (const { span } of sent) span?.fail(error);
    throw error;
  } finally {
    for (const { span } of sent) span?.end();
  }
}

function measure(events: readonly OutboxEvent[]): void {
  const nowMs = Date.now();
  for (const { occurredMs, traceparent } of events) outboxDelay.observe(Math.max(0, nowMs - occurredMs) / 1_000, {}, traceparent);
}

/**
 * One attempt of a group's handler, below the span that made or sent the event: an event has one cause, so it is a child and not a link, and a job stays one trace.
 * Exactly in the event's context: the loop that read it was woken by another commit.
 */
export function processed(group: string, event: LoggedEvent, attempt: number, handle: () => Promise<void>): Promise<void> {
  return inTrace(event.traceparent, async () => {
    const startedMs = performance.now();
    if (attempt === 1) eventDelay.observe(Math.max(0, Date.now() - event.occurredMs) / 1_000, { group });
    let outcome = 'failed';
    try {
      await (isTracing() ? inProcessSpan(group, event, attempt, handle) : handle());
      outcome = 'handled';
    } finally {
      handlingDuration.observe((performance.now() - startedMs) / 1_000, { group, outcome });
    }
  });
}

function inProcessSpan(group: string, event: LoggedEvent, attempt: number, handle: () => Promise<void>): Promise<void> {
  const attributes = {
    ...attributesOf('process', event),
    'messaging.system': 'tessera',
    'messaging.consumer.group.name': group,
    'tessera.event.attempt': attempt,
  };
  return inSpan(`process ${event.type}`, attributes, handle, { kind: 'consumer' });
}
