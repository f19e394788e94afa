/** What a process exports of itself, once it has begun. */
export type Telemetry = { /** Sends what waits. */ close(): Promise<void> };
