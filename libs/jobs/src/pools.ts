import { Arrivals } from './arrivals.js';
import type { Clock } from '@tessera/platform/clock.js';
import { InTurn } from '@tessera/platform/concurrency/in-turn.js';
import { FairQueue } from './fair-queue.js';
import type { JobStore } from './job.store.js';
import { lanes, type Lane } from './lanes.js';
import { Overtaking } from './overtaking.js';

/** Heads read to find where virtual time stood: requeued jobs (tag 0) say nothing, and there are few of them. */
const headsToResume = 16;
/** How far the virtual time of a process may lag behind that of others on the same store. */
const upToDateMs = 1_000;

/** A set of workers that hold the same models, and the jobs that wait for them. */
export class Pool {
  readonly fair = new FairQueue();
  readonly overtaking = new Overtaking();
  /** Lanes that may hold jobs, as far as this process knows. */
  readonly backlogged = new Set<Lane>(lanes);
  readonly #arrivals = new Arrivals();
  readonly #turns = new InTurn();

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
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    return this.#turns.run(this.name, run);
  }
}

/** Pools by name, each resumed from the store when it is first asked for. Names come from models, so there are few. */
export class Pools {
  readonly #pools = new Map<string, Promise<Pool>>();
  readonly #resumedMs = new Map<string, number>();

  constructor(
    private readonly store: JobStore<object>,
    /** Given where other processes write to the store, too. */
    private readonly clock?: Clock,
  ) {}

  named(name: string): Promise<Pool> {
    const known = this.#pools.get(name);
    if (known) return known;
    const opening = this.#open(name);
    this.#pools.set(name, opening);
    opening.catch(() => this.#pools.delete(name));
    return opening;
  }

  /** To give out tags by: what others have served and queued meanwhile moves virtual time on, else the jobs of this process would stand before theirs. */
  async upToDate(name: string): Promise<Pool> {
    const pool = await this.named(name);
    const nowMs = this.clock?.now();
    if (nowMs === undefined || nowMs - (this.#resumedMs.get(name) ?? 0) < upToDateMs) return pool;
    this.#resumedMs.set(name, nowMs);
    await this.#resume(pool);
    for (const { value } of await this.store.lastRunning(name, headsToResume))
      if (value.life.state === 'running') pool.fair.resume(value.life.lane, value.life.tag);
    return pool;
  }

  async #open(name: string): Promise<Pool> {
    const pool = new Pool(name);
    await this.#resume(pool);
    return pool;
  }

  async #resume(pool: Pool): Promise<void> {
    for (const lane of lanes) {
      const heads = await this.store.heads(pool.name, lane, headsToResume);
      const first = heads.map(({ value }) => (value.life.state === 'queued' ? value.life.tag : 0)).find((tag) => tag > 0);
      if (first !== undefined) pool.fair.resume(lane, first);
    }
  }
}
