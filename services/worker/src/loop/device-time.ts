/**
 * How long batches have had the device, which computes one after the other: one that was handed over while another was being computed has waited in the engine, and nobody
 * pays for waiting.
 */
export class DeviceTime {
  #freeSinceMs = 0;

  /** Seconds of the device between two moments of `performance.now()`; called when the batch has ended. */
  taken(fromMs: number, toMs: number): number {
    const startedMs = Math.max(fromMs, this.#freeSinceMs);
    this.#freeSinceMs = Math.max(this.#freeSinceMs, toMs);
    return Math.max(0, toMs - startedMs) / 1_000;
  }
}
