import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import type { CollectionSpec } from '@tessera/documents/documents.js';
import { openDocuments, type OpenDocuments } from '@tessera/documents/open-documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { openEventBus } from '@tessera/events/open-event-bus.js';
import { newId } from '@tessera/platform/ids.js';
import { createLogger } from '@tessera/platform/logger.js';

/** Commits per second and their latency, and events per second from commit to handler, beside bare SQLite on the same disk. Ends within a few seconds. */
const jobs: CollectionSpec = {
  name: 'bench.jobs',
  version: 1,
  indexes: [
    { name: 'byState', fields: ['state', 'createdMs'] },
    { name: 'byAccount', fields: ['accountId', 'createdMs'] },
  ],
};

const job = (n: number) => ({
  state: 'queued',
  accountId: `account-${n % 10}`,
  createdMs: 1_700_000_000_000 + n,
  prompt: 'a red apple on a beach at sunset',
  widthPx: 512,
  heightPx: 512,
  seed: n,
});

const print = (line: string) => process.stdout.write(`${line}\n`);
const perSecond = (count: number, elapsedMs: number) =>
  Math.round((count / elapsedMs) * 1000)
    .toLocaleString('en')
    .padStart(8);

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3).padStart(7);
}

/** Runs `count` operations, `concurrency` at a time; the latencies in order. */
async function measure(
  count: number,
  concurrency: number,
  run: (n: number) => Promise<unknown>,
): Promise<{ elapsedMs: number; latenciesMs: number[] }> {
  const latenciesMs: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  const client = async () => {
    while (next < count) {
      const n = next++;
      const askedMs = performance.now();
      await run(n);
      latenciesMs.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return { elapsedMs: performance.now() - startedMs, latenciesMs: latenciesMs.sort((a, b) => a - b) };
}

async function benchBare(folder: string): Promise<void> {
  const database = new DatabaseSync(path.join(folder, 'bare.db'));
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE jobs(id TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO jobs VALUES(?,?)');
  const count = 2000;
  const { elapsedMs, latenciesMs } = await measure(count, 1, async (n) => insert.run(newId(), JSON.stringify(job(n))));
  print(
    `bare node:sqlite, no indexes, blocking     ${perSecond(count, elapsedMs)} commits/s   p50 ${percentile(latenciesMs, 0.5)} ms   p99 ${percentile(latenciesMs, 0.99)} ms   1.000 fsyncs/commit`,
  );
  database.close();
}

async function benchCommits(store: OpenDocuments): Promise<void> {
  const collection = store.documents.collection<ReturnType<typeof job>>(jobs);
  await measure(500, 8, (n) => store.documents.commit([collection.insert(newId(), job(n))]));
  for (const [concurrency, count] of [
    [1, 2000],
    [16, 15_000],
    [64, 20_000],
  ] as const) {
    const fsyncs = store.fsyncs();
    const { elapsedMs, latenciesMs } = await measure(count, concurrency, (n) =>
      store.documents.commit([collection.insert(newId(), job(n))]),
    );
    const shared = ((store.fsyncs() - fsyncs) / count).toFixed(3);
    print(
      `documents, 2 indexes, concurrency ${String(concurrency).padEnd(9)}${perSecond(count, elapsedMs)} commits/s   p50 ${percentile(latenciesMs, 0.5)} ms   p99 ${percentile(latenciesMs, 0.99)} ms   ${shared} fsyncs/commit`,
    );
  }
}

async function benchReads(store: OpenDocuments): Promise<void> {
  const collection = store.documents.collection<ReturnType<typeof job>>(jobs);
  const { items } = await collection.find({ where: { state: 'queued' }, sort: [['createdMs', 'asc']], limit: 1000 });
  const gets = await measure(20_000, 1, (n) => collection.get(items[n % items.length]?.id ?? ''));
  print(
    `get                                        ${perSecond(20_000, gets.elapsedMs)} reads/s     p50 ${percentile(gets.latenciesMs, 0.5)} ms   p99 ${percentile(gets.latenciesMs, 0.99)} ms`,
  );
  const finds = await measure(5_000, 1, (n) =>
    collection.find({ where: { accountId: `account-${n % 10}` }, sort: [['createdMs', 'desc']], limit: 10 }),
  );
  print(
    `find 10 of ${String(await collection.count()).padEnd(32)}${perSecond(5_000, finds.elapsedMs)} reads/s     p50 ${percentile(finds.latenciesMs, 0.5)} ms   p99 ${percentile(finds.latenciesMs, 0.99)} ms`,
  );
}

async function benchEvents(store: OpenDocuments): Promise<void> {
  const bus = openEventBus({ ...store, logger: createLogger('error', 'bench') });
  const committedMs = new Map<string, number>();
  const latenciesMs: number[] = [];
  const collection = store.documents.collection<ReturnType<typeof job>>(jobs);
  for (const group of ['billing', 'gateway', 'storage']) {
    bus.subscribe(JobFinishedSchema, group, async ({ jobId }) => {
      latenciesMs.push(performance.now() - (committedMs.get(jobId) ?? 0));
    });
  }
  await bus.start();
  const count = 10_000;
  const fsyncs = store.fsyncs();
  const startedMs = performance.now();
  await measure(count, 64, async (n) => {
    const id = newId();
    committedMs.set(id, performance.now());
    await store.documents.commit([collection.insert(id, job(n))], [outgoingEvent(JobFinishedSchema, `account-${n % 10}`, { jobId: id })]);
  });
  await bus.drain();
  const elapsedMs = performance.now() - startedMs;
  latenciesMs.sort((a, b) => a - b);
  const shared = ((store.fsyncs() - fsyncs) / count).toFixed(3);
  print(
    `commit with event to 3 groups, 64          ${perSecond(count, elapsedMs)} events/s    p50 ${percentile(latenciesMs, 0.5)} ms   p99 ${percentile(latenciesMs, 0.99)} ms   ${shared} fsyncs/event`,
  );
  await bus.stop();
}

const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-bench-'));
try {
  await benchBare(folder);
  const store = await openDocuments({ dataDir: folder });
  await benchCommits(store);
  await benchReads(store);
  await benchEvents(store);
  await store.close();
} finally {
  await fs.rm(folder, { recursive: true });
}
