import type { Clock } from '@tessera/platform/clock.js';
import { Cache } from '../cache.js';
import { assertListenersMax, assertStep, assertTtl, assertValue, deliver, notACounter } from '../cache-rules.js';

/** Some tens of megabytes at the sizes that are usual here: counters, previews' urls, progress. */
export const entriesMax = 100_000;
/** Looking through all entries for expired ones is worth it at most this often; in between the oldest makes room. */
const sweepEveryMs = 1_000;

type Entry = { value: string | number; readonly expiresMs: number };
type Listener = (message: Uint8Array) => void;

export class MemoryCache extends Cache {
  /** In the order of writing: the oldest first. */
  private readonly entries = new Map<string, Entry>();
  private readonly channels = new Map<string, Set<{ readonly listener: Listener }>>();
  private sweptMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: Clock) {
    super();
  }

  async get(key: string): Promise<string | undefined> {
    const entry = this.live(key);
    return entry === undefined ? undefined : String(entry.value);
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    assertValue(value);
    this.write(key, value, ttlMs);
  }

  async delete(key: string): Promise<void> {
    this.entries.delete(key);
  }

  async increment(key: string, by: number, ttlMs: number): Promise<{ value: number; expiresInMs: number }> {
    assertStep(by);
    const entry = this.live(key);
    if (entry === undefined) {
      this.write(key, by, ttlMs);
      return { value: by, expiresInMs: ttlMs };
    }
    const value = Number(entry.value) + by;
    if (entry.value === '' || !Number.isSafeInteger(value)) throw notACounter(key);
    entry.value = value;
    return { value, expiresInMs: entry.expiresMs - this.clock.now() };
  }

  async publish(channel: string, message: Uint8Array): Promise<void> {
    const listeners = this.channels.get(channel);
    if (listeners === undefined) return;
    for (const { listener } of [...listeners]) deliver(listener, message);
  }

  async subscribe(channel: string, listener: Listener): Promise<() => void> {
    const listeners = this.channels.get(channel) ?? new Set();
    assertListenersMax(listeners.size, channel);
    // An object of its own, so that the same function may listen twice and stop once.
    const subscription = { listener };
    listeners.add(subscription);
    this.channels.set(channel, listeners);
    return () => {
      listeners.delete(subscription);
      if (listeners.size === 0 && this.channels.get(channel) === listeners) this.channels.delete(channel);
    };
  }

  close(): void {
    this.entries.clear();
    this.channels.clear();
  }

  private live(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.expiresMs > this.clock.now()) return entry;
    this.entries.delete(key);
    return undefined;
  }

  private write(key: string, value: string | number, ttlMs: number): void {
    assertTtl(ttlMs);
    this.entries.delete(key);
    if (this.entries.size >= entriesMax) this.evict();
    this.entries.set(key, { value, expiresMs: this.clock.now() + ttlMs });
  }

  private evict(): void {
    const nowMs = this.clock.now();
    if (nowMs - this.sweptMs >= sweepEveryMs) {
      this.sweptMs = nowMs;
      for (const [key, { expiresMs }] of this.entries) if (expiresMs <= nowMs) this.entries.delete(key);
    }
    const [oldest] = this.entries.keys();
    if (this.entries.size >= entriesMax && oldest !== undefined) this.entries.delete(oldest);
  }
}
