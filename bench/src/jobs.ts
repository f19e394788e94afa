import { parseArgs } from 'node:util';
import { readCounters, startServer, type BenchServer, type LedgerState, type Counters } from './bench-server.js';
import { LoadClients } from './load-clients.js';

/** Image jobs through the whole path (REST, ledger, queue, worker, storage) with an engine that answers at once: what is left is the price of the house itself. */

type Row = {
  readonly clients: number;
  readonly jobsPerSecond: number;
  readonly submitP50Ms: number;
  readonly submitP99Ms: number;
  readonly jobP50Ms: number;
  readonly jobP99Ms: number;
  readonly failures: number;
  readonly commitGroupsPerJob: number | undefined;
  readonly cpuMsPerJob: number;
  readonly serverRssMb: number;
};

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '1,2,4,8,16,32' },
  },
});
const seconds = Number(values.seconds);
const levels = values.clients.split(',').map(Number);
if (!(seconds > 0 && seconds <= 600) || levels.some((level) => !(Number.isInteger(level) && level > 0 && level <= 1024))) {
  process.stderr.write('usage: tessera bench jobs [--json] [--seconds 3] [--clients 1,2,4,8,16,32]\n');
  process.exit(2);
}

/** What the peer does without durability or a bill, on the same machine: ComfyUI's bare queue, measured apart. */
const peer = { name: "ComfyUI's bare queue (no durability, no bill)", jobsPerSecondFrom: 426, jobsPerSecondTo: 710 };
const budgets = { submitP50Ms: 4, jobP50Ms: 10, jobP99Ms: 40, jobsPerSecondAt16: 500, serverRssMb: 250 };
/** Caches fill and the compiler warms up before anything is counted. */
const warmUpSeconds = 2;

const server = await startServer({ engine: 'noop' });
const load = new LoadClients();
try {
  await load.run({ url: server.url, key: server.key, clients: 8, seconds: warmUpSeconds });
  const rows: Row[] = [];
  if (!values.json) process.stdout.write(`${header()}\n`);
  for (const clients of levels) {
    const row = await level(server, clients);
    rows.push(row);
    if (!values.json) process.stdout.write(`${line(row)}\n`);
  }
  const ledger = await server.settledLedger();
  if (values.json) process.stdout.write(`${JSON.stringify({ rows, ledger, peer, budgets, seconds })}\n`);
  else process.stdout.write(`${remarks(ledger)}\n`);
  process.exitCode = rows.some((row) => row.failures > 0) || ledger.findings + ledger.openHolds > 0 ? 1 : 0;
} finally {
  load.end();
  await server.stop();
}

async function level(target: BenchServer, clients: number): Promise<Row> {
  const before = await readCounters(target);
  const figures = await load.run({ url: target.url, key: target.key, clients, seconds });
  const after = await readCounters(target);
  const perJob = (counter: keyof Counters) => ((after[counter] ?? 0) - (before[counter] ?? 0)) / Math.max(1, figures.jobs);
  return {
    clients,
    jobsPerSecond: figures.jobs / figures.seconds,
    submitP50Ms: figures.submitP50Ms,
    submitP99Ms: figures.submitP99Ms,
    jobP50Ms: figures.jobP50Ms,
    jobP99Ms: figures.jobP99Ms,
    failures: figures.failures,
    commitGroupsPerJob: after.commitGroups === undefined ? undefined : perJob('commitGroups'),
    cpuMsPerJob: perJob('cpuSeconds') * 1000,
    serverRssMb: (after.rssBytes ?? 0) / 1024 / 1024,
  };
}

function header(): string {
  return [
    `image jobs, noop engine, ${seconds} s a row; server and clients are two processes`,
    'clients    jobs/s   submit p50    p99 ms   job p50    p99 ms   commits/job   CPU ms/job   server MB   failed',
  ].join('\n');
}

function line(row: Row): string {
  const cell = (value: number | undefined, width: number, digits: number) =>
    (value === undefined ? '-' : value.toFixed(digits)).padStart(width);
  return [
    cell(row.clients, 7, 0),
    cell(row.jobsPerSecond, 10, 0),
    cell(row.submitP50Ms, 13, 1),
    cell(row.submitP99Ms, 10, 1),
    cell(row.jobP50Ms, 10, 1),
    cell(row.jobP99Ms, 10, 1),
    cell(row.commitGroupsPerJob, 14, 2),
    cell(row.cpuMsPerJob, 13, 2),
    cell(row.serverRssMb, 12, 0),
    cell(row.failures, 9, 0),
  ].join('');
}

function remarks(ledger: LedgerState): string {
  return [
    '',
    'submit: until the answer, when the job is durable and its tokens are held. job: until its pictures are stored and the waiting client has been told.',
    'commits: groups of writes made durable together (one fsync each).',
    `books ${(ledger.waitedMs / 1000).toFixed(1)} s after the run: ${ledger.entries} entries, ${ledger.openHolds} open holds, ${ledger.findings} findings`,
    `budgets: submit p50 ${budgets.submitP50Ms} ms, job p50 ${budgets.jobP50Ms} ms, p99 ${budgets.jobP99Ms} ms, ${budgets.jobsPerSecondAt16} jobs/s at 16 clients, ${budgets.serverRssMb} MB`,
    `peer: ${peer.name}, ${peer.jobsPerSecondFrom} to ${peer.jobsPerSecondTo} jobs/s on two shared cores`,
  ].join('\n');
}
