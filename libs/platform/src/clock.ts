/** Time as an input: use cases read the clock, tests advance it. */
export abstract class Clock {
  /** Milliseconds since epoch. */
  abstract now(): number;
}

export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }
}

export class ManualClock extends Clock {
  constructor(private nowMs = Date.UTC(2026, 0, 1)) {
    super();
  }

  now(): number {
    return this.nowMs;
  }

  advance(byMs: number): void {
    this.nowMs += byMs;
  }
}
