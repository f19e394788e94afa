import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startCluster } from '@tessera/servers/cluster.js';
import { apiKey } from '@tessera/test/profiles.js';
import { startServer } from './bench-server.js';
import type { LoadFigures } from './jobs-load.js';
import { LoadClients } from './load-clients.js';

/** What the cluster profile costs: the same image jobs with an engine that answers at once, through one process and through a process a service on real servers, in turns on the same machine. */

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '1,4,16' },
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '2' },
  },
});
const [seconds, workers, rounds] = [Number(values.seconds), Number(values.workers), Number(values.rounds)];
const levels = values.clients.split(',').map(Number);
if (
  !(seconds > 0 && seconds <= 600) ||
  ![workers, rounds].every(Number.isInteger) ||
  levels.some((level) => !(Number.isInteger(level) && level > 0 && level <= 1024))
) {
  process.stderr.write('usage: tessera bench cluster [--json] [--seconds 5] [--clients 1,4,16] [--rounds 2] [--workers 2]\n');
  process.exit(2);
}
/** Caches fill, consumers join their groups and the compiler warms up before anything is counted. */
const warmUpSeconds = 5;
const budgetMb = 120;

type Row = LoadFigures & { readonly profile: string; readonly clients: number };

const dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-bench-cluster-'));
const load = new LoadClients();
const single = await startServer({ engine: 'noop' });
const cluster = await startCluster({
  repository: fileURLToPath(new URL('../../', import.meta.url)),
  dataDir,
  engine: 'noop',
  workers,
  env: { ...process.env, TESSERA_API_KEY: apiKey },
});
try {
  const profiles = [
    { profile: 'single', url: single.url, key: single.key },
    { profile: 'cluster', url: cluster.url, key: apiKey },
  ];
  const processes = [...Object.values(cluster.services), ...cluster.workers];
  const memory = () =>
    Promise.all(processes.map(async (one) => ({ name: one.name, residentMb: (await one.residentBytes()) / 1024 / 1024 })));
  const idle = await memory();
  const cpu = () => Promise.all(processes.map((one) => one.cpuSeconds()));
  for (const { url, key } of profiles) await load.run({ url, key, clients: 8, seconds: warmUpSeconds });
  const cpuBefore = await cpu();
  const rows: Row[] = [];
  if (!values.json)
    process.stdout.write(
      `image jobs, noop engine, ${seconds} s a row; ${workers} workers in the cluster\nprofile   clients    jobs/s   submit p50    p99 ms   job p50    p99 ms   failed\n`,
    );
  for (let round = 0; round < rounds; round++) {
    for (const clients of levels) {
      for (const { profile, url, key } of profiles) {
        const row = { profile, clients, ...(await load.run({ url, key, clients, seconds })) };
        rows.push(row);
        if (!values.json) process.stdout.write(`${line(row)}\n`);
      }
    }
  }
  const busy = await memory();
  const clusterJobs = rows.reduce((sum, { profile, jobs }) => sum + (profile === 'cluster' ? jobs : 0), 0);
  const cpuMsPerJob = (await cpu()).map((after, at) => ((after - cpuBefore[at]!) * 1000) / Math.max(1, clusterJobs));
  if (values.json) process.stdout.write(`${JSON.stringify({ seconds, workers, rows, idle, busy, cpuMsPerJob, budgetMb })}\n`);
  else
    process.stdout.write(
      `\nprocess      MB when ready   after the load   CPU ms/job   (budget ${budgetMb} MB)\n${busy.map(({ name, residentMb }, at) => `${name.padEnd(12)}${idle[at]!.residentMb.toFixed(0).padStart(14)}${residentMb.toFixed(0).padStart(17)}${cpuMsPerJob[at]!.toFixed(1).padStart(13)}`).join('\n')}\n`,
    );
  process.exitCode = rows.some(({ failures }) => failures > 0) ? 1 : 0;
} finally {
  load.end();
  await Promise.all([single.stop(), cluster.stop()]);
  await rm(dataDir, { recursive: true, force: true });
}

function line({ profile, clients, jobs, seconds: elapsed, submitP50Ms, submitP99Ms, jobP50Ms, jobP99Ms, failures }: Row): string {
  const cell = (value: number, width: number, digits = 1) => value.toFixed(digits).padStart(width);
  return [
    profile.padEnd(8),
    cell(clients, 9, 0),
    cell(jobs / elapsed, 10, 0),
    cell(submitP50Ms, 13),
    cell(submitP99Ms, 10),
    cell(jobP50Ms, 10),
    cell(jobP99Ms, 10),
    cell(failures, 9, 0),
  ].join('');
}
