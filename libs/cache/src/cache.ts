/** Short-lived values, counters and progress fan-out. Losing all of it loses no job and no token. */
export abstract class Cache {
  abstract get(key: string): Promise<string | undefined>;
  abstract set(key: string, value: string, ttlMs: number): Promise<void>;
  abstract delete(key: string): Promise<void>;
  /** Adds `by` to a counter and answers its new value; the first increment starts the expiry, later ones leave it. */
  abstract increment(key: string, by: number, ttlMs: number): Promise<{ value: number; expiresInMs: number }>;
  /** To the listeners of this moment; nothing is kept. */
  abstract publish(channel: string, message: Uint8Array): Promise<void>;
  /** Resolves once messages published from now on arrive; call the answer to stop. A listener that throws does not affect the others. */
  abstract subscribe(channel: string, listener: (message: Uint8Array) => void): Promise<() => void>;
}
