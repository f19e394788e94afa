import { lanes, type Lane } from './lanes.js';
import type { JobStore, StoredJob, TagRange } from './job.store.js';

/** Read from the front of each lane. A lane that is no longer is summed exactly. While fewer accounts than this wait, each one's oldest job is among them. */
const headsMax = 64;
/** A longer lane is cut into so many ranges of tags, each counted and sampled for itself: jobs of one account tend to be alike, and stand together. */
const ranges = 8;
const samplesPerRange = 32;
/** Counting further costs more and changes nothing: no pool has the workers for a range of so many jobs. What is told is then less than there is. */
const countedPerRangeMax = 10_000;
/** Jobs in the hands of a pool's workers: hundreds of workers with a batch each. */
const runningMax = 1_000;

export type Backlog = {
  /** Jobs that wait in each lane. */
  readonly queuedJobs: Readonly<Record<Lane, number>>;
  readonly queuedGpuSeconds: number;
  /** How long the job has waited that has waited longest; 0 when none waits. */
  readonly oldestWaitMs: number;
  /** GPU-seconds that each worker that holds jobs still has before it, as estimated. */
  readonly leftOfWorkers: readonly number[];
};

type Jobs = JobStore<object>;

/**
 * The work before a pool's workers, measured at its store: true for any number of processes and after any crash. It costs the same with some hundred thousand jobs
 * as with a million. Jobs parked at their account's limit are not counted: more workers would not run them.
 */
export async function measureBacklog(store: Jobs, pool: string, nowMs: number): Promise<Backlog> {
  const [running, ...queued] = await Promise.all([store.running(pool, runningMax), ...lanes.map((lane) => measureLane(store, pool, lane))]);
  const oldestMs = Math.min(nowMs, ...queued.map(({ oldestMs }) => oldestMs));
  return {
    queuedJobs: Object.fromEntries(queued.map(({ lane, jobs }) => [lane, jobs])) as Record<Lane, number>,
    queuedGpuSeconds: sum(queued.map(({ gpuSeconds }) => gpuSeconds)),
    oldestWaitMs: nowMs - oldestMs,
    leftOfWorkers: leftOfWorkers(running, nowMs),
  };
}

/** Whether a pool has anything to do: queued, or in a worker's hands. */
export async function hasWork(store: Jobs, pool: string): Promise<boolean> {
  const found = await Promise.all([store.running(pool, 1), ...lanes.map((lane) => store.heads(pool, lane, 1))]);
  return found.some((jobs) => jobs.length > 0);
}

type Measured = { readonly jobs: number; readonly gpuSeconds: number };

async function measureLane(store: Jobs, pool: string, lane: Lane): Promise<Measured & { lane: Lane; oldestMs: number }> {
  const heads = await store.heads(pool, lane, headsMax);
  const oldestMs = Math.min(...heads.map(enqueuedMsOf));
  const measured =
    heads.length < headsMax
      ? { jobs: heads.length, gpuSeconds: sum(heads.map(gpuSecondsOf)) }
      : await sampleLane(store, pool, lane, tagOf(heads[0]));
  return { ...measured, lane, oldestMs };
}

async function sampleLane(store: Jobs, pool: string, lane: Lane, firstTag: number): Promise<Measured> {
  const lastTag = Math.max(firstTag, (await store.lastTag(pool, lane)) ?? firstTag);
  const parts = await Promise.all(
    tagRanges(firstTag, lastTag).map(async (tags) => {
      const [count, samples] = await Promise.all([
        store.countBetween(pool, lane, tags, countedPerRangeMax),
        store.between(pool, lane, tags, samplesPerRange),
      ]);
      return { jobs: count, gpuSeconds: samples.length === 0 ? 0 : (count * sum(samples.map(gpuSecondsOf))) / samples.length };
    }),
  );
  return { jobs: sum(parts.map(({ jobs }) => jobs)), gpuSeconds: sum(parts.map(({ gpuSeconds }) => gpuSeconds)) };
}

function tagRanges(firstTag: number, lastTag: number): TagRange[] {
  const width = (lastTag - firstTag) / ranges;
  if (width === 0) return [{ gte: firstTag, lte: lastTag }];
  const starts = Array.from({ length: ranges }, (_, at) => firstTag + at * width);
  return starts.map((gte, at) => (at + 1 < ranges ? { gte, lt: firstTag + (at + 1) * width } : { gte, lte: lastTag }));
}

function leftOfWorkers(running: readonly StoredJob<object>[], nowMs: number): number[] {
  const left = new Map<string, number>();
  for (const { value } of running) {
    if (value.life.state !== 'running') continue;
    const { lease, startedMs } = value.life;
    const leftGpuSeconds = Math.max(0, value.work.gpuSecondsEstimated - (nowMs - startedMs) / 1_000);
    left.set(lease.workerId, (left.get(lease.workerId) ?? 0) + leftGpuSeconds);
  }
  return [...left.values()];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const gpuSecondsOf = ({ value }: StoredJob<object>): number => value.work.gpuSecondsEstimated;
const enqueuedMsOf = ({ value }: StoredJob<object>): number =>
  value.life.state === 'queued' ? value.life.enqueuedMs : Number.POSITIVE_INFINITY;
const tagOf = (job: StoredJob<object> | undefined): number => (job?.value.life.state === 'queued' ? job.value.life.tag : 0);
