import { invalidArgument, resourceExhausted, type TesseraError } from '@tessera/platform/errors.js';

/** What every adapter refuses, and in which words. */
const valueCharsMax = 1024 * 1024;
/** A listener is a client that waits; this many on one channel is a leak. */
const listenersMax = 10_000;

export function assertValue(value: string): void {
  if (value.length > valueCharsMax)
    throw invalidArgument('value_too_large', `A cached value may have at most ${valueCharsMax} characters.`);
}

export function assertTtl(ttlMs: number): void {
  if (!Number.isFinite(ttlMs) || ttlMs <= 0)
    throw invalidArgument('invalid_ttl', 'A value lives for a positive number of milliseconds.', { param: 'ttlMs' });
}

export function assertStep(by: number): void {
  if (!Number.isSafeInteger(by)) throw invalidArgument('not_a_counter', 'A counter grows by whole numbers.', { param: 'by' });
}

export const notACounter = (key: string): TesseraError =>
  invalidArgument('not_a_counter', `The value of ${key} is not a whole number.`, { param: 'key' });

export function assertListenersMax(listeners: number, channel: string): void {
  if (listeners >= listenersMax) throw resourceExhausted('too_many_listeners', `More than ${listenersMax} listen to ${channel}.`);
}

/** A listener's failure must reach neither the publisher nor the other listeners. */
export function deliver(listener: (message: Uint8Array) => void, message: Uint8Array): void {
  try {
    listener(message);
  } catch {
    // Progress is best effort: a listener that fails gets the next message.
  }
}
