import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import type { Documents } from '@tessera/documents/documents.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { Claims } from '@tessera/jobs/claims.js';
import { JobQueue } from '@tessera/jobs/job-queue.js';
import { JobStore, type JobRecord } from '@tessera/jobs/job.store.js';
import { SystemClock } from '@tessera/platform/clock.js';
import { newId } from '@tessera/platform/ids.js';
import { createLogger } from '@tessera/platform/logger.js';
import { startMongo } from '@tessera/servers/mongo.js';

/** What a claim costs with a short queue and with a very long one, on each store: it must cost the same. The queue is filled once and grows between the measurements. */
const { values } = parseArgs({
  options: {
    queued: { type: 'string', default: '10,10000,1000000' },
    stores: { type: 'string', default: 'sqlite,mongo' },
    claims: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = values.queued.split(',').map(Number);
const claimsCount = Number(values.claims);

const logger = createLogger('error', 'bench');
const clock = new SystemClock();
const accounts = 2_000;
const lanesUsed = ['fast', 'relaxed'] as const;
const models = ['model-a', 'model-b', 'model-c'];
/** Writes in one commit, and commits in flight, while the queue is filled. */
const writesPerCommit = 500;
const commitsInFlight = 4;

type Payload = { readonly prompt: string };
type Store = { readonly documents: Documents; close(): Promise<void> };
type Row = { store: string; queued: number; what: string; p50Ms: number; p99Ms: number; perSecond: number };

const recordOf = (n: number, tag: number): JobRecord<Payload> => ({
  accountId: `account-${n % accounts}`,
  createdMs: clock.now(),
  changedMs: clock.now(),
  work: {
    kind: 'image',
    pool: 'default',
    modelId: models[n % models.length] ?? '',
    affinity: `${models[n % models.length]}/512/512/20/7/text`,
    units: 1,
    size: 5,
    gpuSecondsEstimated: 0.5,
  },
  life: {
    state: 'queued',
    lane: lanesUsed[n % lanesUsed.length] ?? 'fast',
    tag,
    isParked: false,
    attempt: 1,
    startDeadlineMs: clock.now() + 86_400_000,
    concurrentJobsMax: 0,
    enqueuedMs: clock.now(),
  },
  payload: { prompt: 'a red apple on a beach at sunset' },
});

async function fill(jobs: JobStore<Payload>, from: number, to: number): Promise<void> {
  let next = from;
  const filler = async () => {
    while (next < to) {
      const first = next;
      next = Math.min(to, next + writesPerCommit);
      await jobs.commit(
        Array.from({ length: next - first }, (_, k) => jobs.insertion(newId(), recordOf(first + k, 1 + (first + k) / 1_000))),
      );
    }
  };
  await Promise.all(Array.from({ length: commitsInFlight }, filler));
}

/** `refill` puts as many jobs back as were taken, outside of what is timed: the queue keeps its length. */
async function timed(
  count: number,
  run: () => Promise<number>,
  refill: (jobs: number) => Promise<void>,
): Promise<{ p50Ms: number; p99Ms: number; perSecond: number }> {
  const latenciesMs: number[] = [];
  let done = 0;
  for (let n = 0; n < count; n += 1) {
    const askedMs = performance.now();
    const jobs = await run();
    latenciesMs.push(performance.now() - askedMs);
    if (jobs === 0) throw new Error('A claim found nothing although the queue was full.');
    done += jobs;
    await refill(jobs);
  }
  const elapsedMs = latenciesMs.reduce((sum, ms) => sum + ms, 0);
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), perSecond: (done / elapsedMs) * 1_000 };
}

async function measure(name: string, { documents }: Store): Promise<Row[]> {
  const store = new JobStore<Payload>(documents, { name: 'bench.claims', version: 1 });
  const open = () =>
    new JobQueue<Payload>({
      store,
      clock,
      logger,
      finishedEvent: ({ value }) => outgoingEvent(EmptySchema, value.accountId, {}),
      onChange: () => {},
      onDue: () => {},
      isShared: false,
    });
  const never = new AbortController().signal;
  const rows: Row[] = [];
  let filled = 0;
  for (const queued of sizes) {
    const before = performance.now();
    await fill(store, filled, Math.max(filled, queued));
    process.stderr.write(`• ${name}: ${queued} queued (${((performance.now() - before) / 1_000).toFixed(1)} s)\n`);
    filled = Math.max(filled, queued);
    // As a process finds it that starts on this queue.
    const queue = open();
    const claims = new Claims(queue);
    const claim = (jobsMax: number) => async () =>
      (
        await claims.claim(
          { workerId: 'bench', pool: 'default', kinds: ['image'], modelIds: models, jobsMax, unitsMax: 64, waitMs: 0 },
          never,
        )
      ).length;
    const refill = async (jobs: number) => {
      await fill(store, filled, filled + jobs);
      filled += jobs;
      const pool = await queue.pools.named('default');
      for (const lane of lanesUsed) pool.arrived(lane);
    };
    rows.push({ store: name, queued, what: 'first claim of a process', ...(await timed(1, claim(1), refill)) });
    rows.push({ store: name, queued, what: 'claim of one job', ...(await timed(claimsCount, claim(1), refill)) });
    rows.push({ store: name, queued, what: 'claim of a batch of four', ...(await timed(claimsCount, claim(4), refill)) });
  }
  return rows;
}

async function onSqlite(): Promise<Row[]> {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-claims-'));
  const store = await openDocuments({ dataDir, logger });
  try {
    return await measure('sqlite', store);
  } finally {
    await store.close();
    await fs.rm(dataDir, { recursive: true, force: true });
  }
}

async function onMongo(): Promise<Row[]> {
  const server = await startMongo();
  try {
    const store = await openDocuments({ profile: 'cluster', mongoUrl: server.url, logger });
    try {
      return await measure('mongo', store);
    } finally {
      await store.close();
    }
  } finally {
    await server.stop();
  }
}

const stores = new Map([
  ['sqlite', onSqlite],
  ['mongo', onMongo],
]);
const rows: Row[] = [];
for (const name of values.stores.split(',')) rows.push(...((await stores.get(name)?.()) ?? []));
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else {
  for (const { store, queued, what, p50Ms, p99Ms, perSecond } of rows) {
    process.stdout.write(
      `${store.padEnd(7)} ${queued.toLocaleString('en').padStart(9)} queued   ${what.padEnd(25)} p50 ${p50Ms.toFixed(2).padStart(7)} ms   p99 ${p99Ms.toFixed(2).padStart(7)} ms   ${Math.round(perSecond).toLocaleString('en').padStart(6)} jobs/s\n`,
    );
  }
}
