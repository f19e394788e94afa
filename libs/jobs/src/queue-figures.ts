import type { JobStore, StoredJob } from './job.store.js';
import { queueKeyOf } from './job.store.js';
import { lanes } from './lanes.js';
import type { QueueFigures } from './queue-metrics.js';

/** Read from the front of each lane; jobs further back count as much as these on average. */
const headsMax = 64;

const gpuSecondsOf = (heads: readonly StoredJob<object>[]): number => heads.reduce((sum, { value }) => sum + value.work.gpuSecondsEstimated, 0);

/** What waits in a pool, from the store: true for all processes together. The backlog of a long lane is estimated from its front. */
export async function queueFigures(store: JobStore<object>, pool: string, nowMs: number): Promise<QueueFigures> {
  const measured = await Promise.all(
    lanes.map(async (lane) => {
      const [waiting, heads] = await Promise.all([store.countQueued([queueKeyOf(pool, lane)]), store.heads(pool, lane, headsMax)]);
      return { lane, waiting, heads };
    }),
  );
  const enqueuedMs = measured.flatMap(({ heads }) => heads.flatMap(({ value }) => (value.life.state === 'queued' ? [value.life.enqueuedMs] : [])));
  return {
    lanes: Object.fromEntries(measured.map(({ lane, waiting }) => [lane, waiting])),
    backlogGpuSeconds: measured.reduce((sum, { waiting, heads }) => sum + (heads.length === 0 ? 0 : (gpuSecondsOf(heads) * waiting) / heads.length), 0),
    oldestWaitMs: enqueuedMs.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...enqueuedMs)),
  };
}
