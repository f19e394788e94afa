import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startCluster, serviceNames, type Cluster } from '@tessera/servers/cluster.js';
import { serverNames } from '@tessera/servers/cluster-servers.js';
import type { ServiceProcess } from '@tessera/servers/service-process.js';
import { startTriton } from '@tessera/servers/triton.js';
import { PatientClient } from '@tessera/test/client.js';
import { inspectJobs, pictureFiles } from '@tessera/test/inspection.js';
import { apiKey } from '@tessera/test/profiles.js';
import { createClient } from 'redis';

/** The cluster profile on real servers, struck again and again under acknowledged jobs: none may be lost, none charged twice, all must finish, the audit must be clean. */

type Fault = { readonly name: string; strike(cluster: Cluster): Promise<void> };
/** What the jobs of a round are, and how many. */
type Load = { readonly jobs: number; readonly request: Record<string, unknown> };

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000' },
    workers: { type: 'string', default: '2' },
    only: { type: 'string' },
    'pause-seconds': { type: 'string', default: '60' },
    'cut-seconds': { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const [jobsPerFault, workers, pauseSeconds, cutSeconds] = [values.jobs, values.workers, values['pause-seconds'], values['cut-seconds']].map(
  Number,
) as [number, number, number, number];
if (![jobsPerFault, workers, pauseSeconds, cutSeconds].every((count) => Number.isInteger(count) && count >= 0)) {
  process.stderr.write(
    'usage: tessera bench faults [--jobs 1000] [--workers 2] [--only <words in a name>] [--pause-seconds 60] [--cut-seconds 20] [--list] [--json]\n',
  );
  process.exit(2);
}

/** Long enough for everybody to notice that it is gone. */
const downMs = 2_000;
/** So long after the workers begin, some jobs are being painted, some are done, most still wait. */
const strikeAfterMs = 700;
const clients = 16;
/** What a client waits at most for one answer, beyond the longest fault. */
const patienceMs = 240_000;

const reborn = async (process: ServiceProcess) => {
  await process.kill();
  await process.start();
};
const faults: readonly Fault[] = [
  { name: 'nothing', strike: async () => undefined },
  ...serviceNames.map((name) => ({ name: `kill -9 ${name}`, strike: ({ services }: Cluster) => reborn(services[name]) })),
  { name: 'kill -9 a worker', strike: ({ workers: [first] }) => (first ? reborn(first) : Promise.resolve()) },
  ...serverNames.map((name) => ({
    name: `kill -9 ${name}`,
    strike: async ({ servers: { servers } }: Cluster) => {
      await servers[name].kill();
      await delay(downMs);
      await servers[name].restart();
    },
  })),
  {
    name: `kafka paused ${pauseSeconds} s`,
    strike: async ({ servers: { servers } }) => {
      await servers.kafka.pause();
      await delay(pauseSeconds * 1000);
      await servers.kafka.resume();
    },
  },
  { name: 'redis emptied', strike: ({ servers: { servers } }) => emptyRedis(servers.redis.url) },
  ...serverNames.map((name) => ({
    name: `network to ${name} cut ${cutSeconds} s`,
    strike: async ({ servers: { links } }: Cluster) => {
      await links?.[name].cut();
      await delay(cutSeconds * 1000);
      await links?.[name].heal();
    },
  })),
  {
    name: 'kill -9 every service and worker',
    strike: async (cluster) => void (await Promise.all([...Object.values(cluster.services), ...cluster.workers].map(reborn))),
  },
];

async function emptyRedis(url: string): Promise<void> {
  const redis = createClient({ url });
  await redis.connect();
  await redis.flushAll();
  await redis.close();
}

type Row = {
  readonly fault: string;
  readonly jobs: number;
  readonly inFlight: number;
  readonly finished: number;
  readonly struckSeconds: number;
  readonly allDoneSeconds: number;
  readonly complaints: readonly string[];
};

async function round(cluster: Cluster, fault: Fault, { jobs, request }: Load, number: number): Promise<Row> {
  const client = new PatientClient(cluster, patienceMs);
  const before = { spent: Number((await client.account())['spentTokens']), files: (await pictureFiles(cluster.servers.objectsDir)).length };
  // Nobody paints while they come in: that many jobs are in flight when it happens.
  await Promise.all(cluster.workers.map((worker) => worker.stop()));
  const ids = new Set<string>();
  const submit = (from: number, to: number) =>
    inParallel(
      Array.from({ length: to - from }, (_, at) => from + at),
      async (job) => void ids.add(await client.create({ ...request, prompt: `apple ${job}`, num_images: 1 }, `fault-${number}-${job}`)),
    );
  const early = Math.ceil(jobs * 0.9);
  await submit(0, early);
  await Promise.all(cluster.workers.map((worker) => worker.start()));
  const late = submit(early, jobs);
  await delay(strikeAfterMs);
  const inFlight = await unfinished(client);
  const struckMs = performance.now();
  await fault.strike(cluster);
  const struckSeconds = (performance.now() - struckMs) / 1000;
  await late;
  const { succeeded, pictures, billedTokens, complaints } = await inspectJobs(
    client,
    [...ids].map((id) => ({ id, images: 1 })),
  );
  const allDoneSeconds = (performance.now() - struckMs) / 1000;
  const account = await client.account();
  const { findings } = await client.audit();
  const files = (await pictureFiles(cluster.servers.objectsDir)).length - before.files;
  const spent = Number(account['spentTokens']) - before.spent;
  if (ids.size !== jobs) complaints.push(`${ids.size} distinct jobs for ${jobs} requests`);
  if (billedTokens !== spent) complaints.push(`bills say ${billedTokens} tokens, the account spent ${spent}`);
  if (Number(account['heldTokens']) !== 0) complaints.push(`${account['heldTokens']} tokens are still held`);
  if (findings.length > 0) complaints.push(`the audit found ${JSON.stringify(findings[0])}`);
  if (files !== pictures) complaints.push(`${files} files for ${pictures} pictures`);
  return { fault: fault.name, jobs: ids.size, inFlight, finished: succeeded, struckSeconds, allDoneSeconds, complaints };
}

async function unfinished(client: PatientClient): Promise<number> {
  const { body } = await client.call('GET', '/api/rest/v1/queue');
  return Number(body['queuedJobs']) + Number(body['runningJobs']);
}

async function inParallel<Item>(items: Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const worker = async () => {
    for (let item = items.shift(); item !== undefined; item = items.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: clients }, worker));
}

const cells = (row: Row) =>
  [
    row.fault.padEnd(34),
    String(row.jobs).padStart(6),
    String(row.inFlight).padStart(10),
    String(row.finished).padStart(9),
    row.struckSeconds.toFixed(1).padStart(9),
    row.allDoneSeconds.toFixed(1).padStart(10),
    String(row.complaints.length).padStart(11),
  ].join('');

const quick: Load = { jobs: jobsPerFault, request: { width: 512, height: 512 } };
/** Real pictures, small ones: what a worker paints with can be killed, too. */
const realPictures: Load = { jobs: Math.min(jobsPerFault, 100), request: { width: 128, height: 128, num_inference_steps: 4 } };
const killTriton = 'kill -9 triton';

/** Runs the rounds on a cluster of its own, which is stopped and removed whatever happens. */
async function onCluster(engine: string, load: Load, chosen: readonly Fault[], env: NodeJS.ProcessEnv, rows: Row[]): Promise<void> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-faults-'));
  const repository = fileURLToPath(new URL('../../', import.meta.url));
  const cluster = await startCluster({
    repository,
    dataDir,
    engine,
    workers,
    breakable: true,
    env: { ...process.env, TESSERA_API_KEY: apiKey, ...env },
  });
  try {
    for (const fault of chosen) {
      const row = await round(cluster, fault, load, rows.length);
      rows.push(row);
      if (!values.json)
        process.stdout.write(
          `${cells(row)}${row.complaints
            .slice(0, 3)
            .map((words) => `\n    ${words}`)
            .join('')}\n`,
        );
    }
  } finally {
    await cluster.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function onTriton(rows: Row[]): Promise<void> {
  const triton = await startTriton();
  const strike = async () => {
    await triton.kill();
    await delay(downMs);
    await triton.restart();
  };
  try {
    await onCluster('triton', realPictures, [{ name: killTriton, strike }], { TESSERA_TRITON_URL: triton.url }, rows);
  } finally {
    await triton.stop();
  }
}

const isChosen = (name: string) => !values.only || name.includes(values.only);

async function main(): Promise<void> {
  const chosen = faults.filter(({ name }) => isChosen(name));
  if (values.list || (chosen.length === 0 && !isChosen(killTriton))) {
    process.stdout.write(`${[...faults.map(({ name }) => name), killTriton].join('\n')}\n`);
    process.exitCode = values.list ? 0 : 2;
    return;
  }
  const rows: Row[] = [];
  if (!values.json)
    process.stdout.write('fault                               jobs  in flight  finished  struck s  all done s  complaints\n');
  if (chosen.length > 0) await onCluster('noop', quick, chosen, {}, rows);
  if (isChosen(killTriton) && workers > 0) await onTriton(rows);
  if (values.json) process.stdout.write(`${JSON.stringify({ jobsPerFault, workers, rows })}\n`);
  process.exitCode = rows.some(({ complaints }) => complaints.length > 0) ? 1 : 0;
}

await main();
