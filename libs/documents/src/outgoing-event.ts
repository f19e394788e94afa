import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { newId } from '@tessera/platform/ids.js';
import { currentTraceparent } from '@tessera/platform/trace.js';

/** An event on its way into the log. `id` and `key` are as in CloudEvents 1.0 (https://cloudevents.io): consumers see an id at least once and a key's events in order. */
export type OutgoingEvent = {
  readonly id: string;
  /** Full protobuf type name; the topic. */
  readonly type: string;
  readonly key: string;
  readonly data: Uint8Array;
  readonly traceparent?: string | undefined;
};

/** `key` decides the order: events of one key are handled one after the other. */
export function outgoingEvent<S extends DescMessage>(schema: S, key: string, message: MessageInitShape<S>): OutgoingEvent {
  return { id: newId(), type: schema.typeName, key, data: toBinary(schema, create(schema, message)), traceparent: currentTraceparent() };
}
