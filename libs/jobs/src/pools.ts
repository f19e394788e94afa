import { Arrivals } from './arrivals.js';
import { FairQueue } from './fair-queue.js';
import type { JobStore } from './job.store.js';
import { lanes, type Lane } from './lanes.js';
import { Overtaking } from './overtaking.js';

/** Heads read to find where virtual time stood: requeued jobs (tag 0) say nothing, and there are few of them. */
const headsToResume = 16;

/** A set of workers that hold the same models, and the jobs that wait for them. */
export class Pool {
  readonly fair = new FairQueue();
  readonly overtaking = new Overtaking();
  /** Lanes that may hold jobs, as far as this process knows. */
  readonly backlogged = new Set<Lane>(lanes);
  readonly #arrivals = new Arrivals();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(readonly name: string) {}

  get arrivalsCount(): number {
    return this.#arrivals.count(this.name);
  }

  /** A job has become claimable. */
  arrived(lane: Lane): void {
    this.backlogged.add(lane);
    this.#arrivals.announce(this.name);
  }

  waitForArrival(seenCount: number, timeoutMs: number, signal: AbortSignal, onWaiting?: (wake: () => void) => void): Promise<void> {
    return this.#arrivals.wait(this.name, seenCount, timeoutMs, signal, onWaiting);
  }

  /** One claim at a time in this process: two that run side by side would want the same heads, and one would lose the race. */
  async inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** Pools by name, each resumed from the store when it is first asked for. Names come from models, so there are few. */
export class Pools {
  readonly #pools = new Map<string, Promise<Pool>>();

  constructor(private readonly store: JobStore<object>) {}

  named(name: string): Promise<Pool> {
    const known = this.#pools.get(name);
    if (known) return known;
    const opening = this.#open(name);
    this.#pools.set(name, opening);
    opening.catch(() => this.#pools.delete(name));
    return opening;
  }

  async #open(name: string): Promise<Pool> {
    const pool = new Pool(name);
    for (const lane of lanes) {
      const heads = await this.store.heads(name, lane, headsToResume);
      const first = heads.map(({ value }) => (value.life.state === 'queued' ? value.life.tag : 0)).find((tag) => tag > 0);
      if (first !== undefined) pool.fair.resume(lane, first);
    }
    return pool;
  }
}
