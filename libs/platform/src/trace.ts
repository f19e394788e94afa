import { AsyncLocalStorage } from 'node:async_hooks';
import { pooledRandomBytes } from './random-pool.js';

/** The W3C trace context (https://www.w3.org/TR/trace-context/) of the work in hand; it travels in rpc metadata, events and job documents. */
const storage = new AsyncLocalStorage<string>();

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
