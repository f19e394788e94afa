import { AsyncLocalStorage } from 'node:async_hooks';
import { pooledRandomBytes } from './random-pool.js';

/** The W3C trace context (https://www.w3.org/TR/trace-context/) of the current work; it travels in rpc metadata, events and job documents. */
const storage = new AsyncLocalStorage<string | undefined>();

const pattern = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export const isTraceparent = (text: string | undefined): text is string => text !== undefined && pattern.test(text);

export function newTraceparent(): string {
  const hex = pooledRandomBytes(24).toString('hex');
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}

export const currentTraceparent = (): string | undefined => storage.getStore();

export function withTraceparent<T>(traceparent: string | undefined, run: () => T): T {
  return isTraceparent(traceparent) ? storage.run(traceparent, run) : run();
}

/** Exactly this context, none included: for loops and timers that would otherwise go on in the context of their last caller. */
export const inTrace = <T>(traceparent: string | undefined, run: () => T): T =>
  storage.run(isTraceparent(traceparent) ? traceparent : undefined, run);

const traceIdAt = 3;
const traceIdEnd = 35;
const spanIdEnd = 52;

export const traceIdOf = (traceparent: string): string => traceparent.slice(traceIdAt, traceIdEnd);
export const spanIdOf = (traceparent: string): string => traceparent.slice(traceIdEnd + 1, spanIdEnd);
export const isSampled = (traceparent: string): boolean => (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1;
