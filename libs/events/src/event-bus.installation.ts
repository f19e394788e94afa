import type { MessageInitShape } from '@bufbuild/protobuf';
import { JobFinishedSchema, type JobFinished } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import type { Documents } from '@tessera/documents/documents.js';
import { outgoingEvent, type OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import type { EventBus, EventEnvelope } from './event-bus.js';

/** What a process has: its own connection to the shared store, and its own bus. Three attempts, with a back-off of a few milliseconds. */
export type Instance = {
  readonly documents: Documents;
  readonly bus: EventBus;
  /** An orderly end: stops the bus, then lets go of the store. */
  end(): Promise<void>;
  /** An end without stopping the bus: what was not durable yet is lost. */
  crash(): Promise<void>;
};

export type Installation = { instance(): Promise<Instance>; close(): Promise<void> };

export const finished = (key: string, jobId: string): OutgoingEvent =>
  outgoingEvent(JobFinishedSchema, key, { jobId, accountId: key } satisfies MessageInitShape<typeof JobFinishedSchema>);

/** A promise that a handler can keep. */
export function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

export const publish = (documents: Documents, ...events: OutgoingEvent[]): Promise<void> => documents.commit([], events);

/** Subscribes a handler that notes job ids, and does whatever `also` does first. */
export function collect(
  bus: EventBus,
  group: string,
  also?: (event: JobFinished, envelope: EventEnvelope) => Promise<void> | void,
): string[] {
  const seen: string[] = [];
  bus.subscribe(JobFinishedSchema, group, async (event, envelope) => {
    await also?.(event, envelope);
    seen.push(event.jobId);
  });
  return seen;
}
