import { Injectable } from '@nestjs/common';
import { hasWork, measureBacklog, type Backlog } from '@tessera/jobs/backlog.js';
import { observeQueue } from '@tessera/jobs/queue-metrics.js';
import { Queue } from '../queue/queue.js';
import { PoolSignals } from './pool-signals.js';

/** Measuring a backlog of so many jobs takes the store a while, and within seconds it does not change by much: the answer stands for all who ask meanwhile. */
const longBacklogJobs = 10_000;
const longBacklogStandsMs = 5_000;

/** What an autoscaler is to aim at, for one pool. */
export type ScalingTarget = {
  readonly pool: string;
  /** One worker for each so many GPU-seconds of backlog: about how long a job shall wait when all workers are there. */
  readonly backlogSecondsPerWorker: number;
  /** One worker at least for each so many seconds that the oldest job has waited; absent: the wait is not looked at. */
  readonly waitSecondsPerWorker?: number;
};

/** `value / target` is the number of workers that a metric asks for; the autoscaler takes the largest. */
export type ScalingMetric = { readonly name: string; readonly target: number; readonly value: (backlog: Backlog) => number };

/** What the number of workers of a pool should follow; the metrics of the queue say the same. */
@Injectable()
export class Scaler {
  /** The newest measurement of each pool, and until when it stands: while it is under way in any case, so there is never more than one at a time. */
  readonly #measured = new Map<string, { readonly backlog: Promise<Backlog>; untilMs: number }>();

  constructor(
    private readonly queue: Queue,
    private readonly signals: PoolSignals,
  ) {
    observeQueue(queue.pools, (pool) => this.measure(pool));
  }

  /** A pool that is not active may go down to no workers at all. */
  isActive(pool: string): Promise<boolean> {
    return hasWork(this.queue.store, pool);
  }

  /** Whether it is active now, and again each time that this changes. Listens before it looks. */
  async *activity(pool: string, signal: AbortSignal): AsyncGenerator<boolean> {
    const changes = await this.signals.listen(pool);
    try {
      let reported: boolean | undefined;
      do {
        const isActive = await this.isActive(pool);
        if (isActive !== reported) yield isActive;
        reported = isActive;
      } while (await changes.signalled(signal));
    } finally {
      changes.close();
    }
  }

  measure(pool: string): Promise<Backlog> {
    const { store, clock } = this.queue;
    const known = this.#measured.get(pool);
    if (known && clock.now() < known.untilMs) return known.backlog;
    const measured = { backlog: measureBacklog(store, pool, clock.now()), untilMs: Number.POSITIVE_INFINITY };
    this.#measured.set(pool, measured);
    const expire = (standsMs: number) => (measured.untilMs = clock.now() + standsMs);
    measured.backlog.then(
      (backlog) => expire(isLong(backlog) ? longBacklogStandsMs : 0),
      () => expire(0),
    );
    return measured.backlog;
  }
}

const isLong = ({ queuedJobs }: Backlog): boolean => Object.values(queuedJobs).reduce((total, jobs) => total + jobs, 0) >= longBacklogJobs;

/** The metrics of a target. Their names are part of what operators see, in the autoscaler and in its events. */
export function scalingMetrics({ backlogSecondsPerWorker, waitSecondsPerWorker }: ScalingTarget): readonly ScalingMetric[] {
  return [
    {
      name: 'backlog-gpu-seconds',
      target: backlogSecondsPerWorker,
      // A worker that is busy for longer than the target is one worker's worth: nobody could help it.
      value: ({ queuedGpuSeconds, leftOfWorkers }) =>
        leftOfWorkers.reduce((total, left) => total + Math.min(left, backlogSecondsPerWorker), queuedGpuSeconds),
    },
    // Never fewer workers than hold jobs, however little is queued behind them.
    { name: 'busy-workers', target: 1, value: ({ leftOfWorkers }) => leftOfWorkers.length },
    ...(waitSecondsPerWorker === undefined
      ? []
      : [{ name: 'oldest-wait-seconds', target: waitSecondsPerWorker, value: ({ oldestWaitMs }: Backlog) => oldestWaitMs / 1_000 }]),
  ];
}
