import { Injectable } from '@nestjs/common';
import { hasWork, measureBacklog, type Backlog } from '@tessera/jobs/backlog.js';
import { observeQueue } from '@tessera/jobs/queue-metrics.js';
import { ImageQueue } from './image-queue.js';
import { Models } from './models.js';
import { PoolNews } from './pool-news.js';

/** What an autoscaler is told to aim at, for one pool. */
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
  /** Measurements under way: who asks meanwhile gets the same answer, so there is never more than one for each pool. */
  readonly #measuring = new Map<string, Promise<Backlog>>();

  constructor(
    private readonly queue: ImageQueue,
    private readonly news: PoolNews,
    models: Models,
  ) {
    observeQueue(models.pools, (pool) => this.measure(pool));
  }

  /** A pool that is not active may go down to no workers at all. */
  isActive(pool: string): Promise<boolean> {
    return hasWork(this.queue.store, pool);
  }

  /** Whether it is active now, and again each time that this changes. Listens before it looks. */
  async *activity(pool: string, signal: AbortSignal): AsyncGenerator<boolean> {
    const bell = await this.news.listen(pool);
    try {
      let told: boolean | undefined;
      do {
        const isActive = await this.isActive(pool);
        if (isActive !== told) yield isActive;
        told = isActive;
      } while (await bell.rung(signal));
    } finally {
      bell.close();
    }
  }

  measure(pool: string): Promise<Backlog> {
    const known = this.#measuring.get(pool);
    if (known) return known;
    const measuring = measureBacklog(this.queue.store, pool, this.queue.clock.now()).finally(() => this.#measuring.delete(pool));
    this.#measuring.set(pool, measuring);
    return measuring;
  }
}

/** The metrics of a target. Their names are part of what operators see, in the autoscaler and in its events. */
export function scalingMetrics({ backlogSecondsPerWorker, waitSecondsPerWorker }: ScalingTarget): readonly ScalingMetric[] {
  return [
    {
      name: 'backlog-gpu-seconds',
      target: backlogSecondsPerWorker,
      // A worker that is busy for longer than the target is one worker's worth: nobody could help it.
      value: ({ queuedGpuSeconds, leftOfWorkers }) => leftOfWorkers.reduce((total, left) => total + Math.min(left, backlogSecondsPerWorker), queuedGpuSeconds),
    },
    // Never fewer workers than hold jobs, however little is queued behind them.
    { name: 'busy-workers', target: 1, value: ({ leftOfWorkers }) => leftOfWorkers.length },
    ...(waitSecondsPerWorker === undefined ? [] : [{ name: 'oldest-wait-seconds', target: waitSecondsPerWorker, value: ({ oldestWaitMs }: Backlog) => oldestWaitMs / 1_000 }]),
  ];
}
