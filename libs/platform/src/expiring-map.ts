import type { Clock } from './clock.js';

export type ExpiringMapOptions = {
  readonly clock: Clock;
  /** How long an entry lives after it was set. */
  readonly ttlMs: number;
  /** When it is full, the entry that was set longest ago makes room. */
  readonly entriesMax: number;
};

/** Values that were read recently and can be read again: losing an entry costs a read, never correctness. */
export class ExpiringMap<K, V extends NonNullable<unknown>> {
  readonly #options: ExpiringMapOptions;
  /** The one that was set longest ago first, which is also the first to expire. */
  readonly #entries = new Map<K, { readonly value: V; readonly expiresMs: number }>();

  constructor(options: ExpiringMapOptions) {
    this.#options = options;
  }

  /** Expired entries count until they are looked at, or make room. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresMs > this.#options.clock.now()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: K, value: V): void {
    const { clock, ttlMs, entriesMax } = this.#options;
    const nowMs = clock.now();
    this.#entries.delete(key);
    for (const [oldest, { expiresMs }] of this.#entries) {
      if (expiresMs > nowMs && this.#entries.size < entriesMax) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { value, expiresMs: nowMs + ttlMs });
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
