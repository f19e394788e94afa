import type mongoose from 'mongoose';
import type { OutboxEvent } from '../outbox.js';

/** Lies beside the documents from the commit until it was handed on. `_id` is a UUID v7: rows of one process sort as they were written. */
export type OutboxRow = {
  readonly _id: string;
  readonly eventId: string;
  readonly type: string;
  readonly key: string;
  readonly occurredMs: number;
  readonly data: mongoose.mongo.Binary;
  readonly traceparent?: string;
};

export const outboxName = 'events.outbox';

export function outboxCollection(connection: mongoose.Connection): mongoose.mongo.Collection<OutboxRow> {
  return connection.getClient().db(connection.name).collection<OutboxRow>(outboxName);
}

export function outboxEvent({ eventId, type, key, occurredMs, data, traceparent }: OutboxRow): OutboxEvent {
  return { id: eventId, type, key, occurredMs, data: new Uint8Array(data.buffer), traceparent };
}
