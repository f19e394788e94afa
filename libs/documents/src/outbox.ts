import type { OutgoingEvent } from './outgoing-event.js';

export type OutboxEvent = OutgoingEvent & { readonly occurredMs: number };

/** Hands a batch on; resolves once all of it is durable where it went. Called with one batch at a time. */
export type Deliver = (events: readonly OutboxEvent[]) => Promise<void>;

/**
 * The events of commits on their way to an event log elsewhere: written with the commit, handed on in commit order, at least once, then forgotten.
 * Any number of processes stand by to relay; one of them relays at a time.
 */
export abstract class Outbox {
  /** Names the store that the events come from; two installations never share one. */
  abstract readonly installation: string;
  /** Begins to stand by; a relay that ends, however it ends, is replaced by another one. Returns the way to stop, which waits for the batch in flight. */
  abstract relay(deliver: Deliver): () => Promise<void>;
  /** How many events, of these types or of all, wait to be handed on. */
  abstract waiting(types?: readonly string[]): Promise<number>;
  /** Runs `look` while this process's relay hands nothing on, so that no event is seen both here and there. */
  abstract whileStill<T>(look: () => Promise<T>): Promise<T>;
  /** Resolves when everything committed before the call was handed on, whoever did it. */
  abstract handedOn(signal: AbortSignal): Promise<void>;
}
