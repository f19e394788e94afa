/** Wakes those who wait for something to arrive, by name. A wake-up between looking and waiting is not lost: the number seen before looking tells. */
export class Arrivals {
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<string, Set<() => void>>();

  count(name: string): number {
    return this.#seen.get(name) ?? 0;
  }

  announce(name: string): void {
    this.#seen.set(name, this.count(name) + 1);
    for (const wake of this.#waiting.get(name) ?? []) wake();
  }

  /** Resolves when something was announced after `seenCount`, after `timeoutMs`, or when the signal aborts. If it comes to waiting, `onWaiting` gets the way to end it. */
  async wait(
    name: string,
    seenCount: number,
    timeoutMs: number,
    signal: AbortSignal,
    onWaiting?: (wake: () => void) => void,
  ): Promise<void> {
    if (this.count(name) !== seenCount || signal.aborted || timeoutMs <= 0) return;
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      waiting.add(wake);
      onWaiting?.(wake);
    });
  }
}
