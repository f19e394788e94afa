/** Milliseconds until the task wants to run again, or that it is finished with. */
export type Outcome = 'finished' | { readonly againInMs: number };

export type Task = {
  run(): Promise<Outcome>;
  /** The lanes have closed before the task was finished. */
  abandon?(): void;
};

/**
 * Runs tasks: those of one key one after the other in the order they came, at most `parallelMax` keys at the same time. A task that waits to run again holds
 * up its own key, but no place: any number of failing keys leaves all places to the others.
 */
export class KeyLanes {
  private readonly lanes = new Map<string, Task[]>();
  private readonly ready: string[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private running = 0;
  private isClosed = false;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly parallelMax: number) {}

  push(key: string, task: Task): void {
    if (this.isClosed) {
      task.abandon?.();
      return;
    }
    const lane = this.lanes.get(key);
    if (lane !== undefined) {
      lane.push(task);
      return;
    }
    this.lanes.set(key, [task]);
    this.enable(key);
  }

  /** Starts nothing more, and waits for what runs. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    if (this.running > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
    for (const lane of this.lanes.values()) for (const task of lane) task.abandon?.();
    this.lanes.clear();
  }

  private enable(key: string): void {
    this.ready.push(key);
    if (this.running < this.parallelMax) this.startNext();
  }

  private startNext(): void {
    if (this.isClosed) return;
    const key = this.ready.shift();
    if (key !== undefined) void this.run(key);
  }

  private async run(key: string): Promise<void> {
    const lane = this.lanes.get(key);
    const task = lane?.[0];
    if (lane === undefined || task === undefined) return;
    this.running++;
    const outcome = await task.run();
    this.running--;
    if (outcome === 'finished') this.finish(key, lane);
    else this.wait(key, outcome.againInMs);
    if (this.running < this.parallelMax) this.startNext();
    if (this.running === 0) this.whenIdle?.();
  }

  private finish(key: string, lane: Task[]): void {
    lane.shift();
    if (lane.length === 0) this.lanes.delete(key);
    else this.ready.push(key);
  }

  private wait(key: string, againInMs: number): void {
    if (this.isClosed) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.enable(key);
    }, againInMs);
    this.timers.add(timer);
  }
}
