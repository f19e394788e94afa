import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startCluster } from '@tessera/servers/cluster.js';
import { apiKey } from '@tessera/test/profiles.js';

/**
 * What each process of the cluster profile takes, started as the Helm chart starts it, when it is ready and after some jobs. Resident memory counts the program of Node itself
 * (some 55 MB) for every process; the machine holds it once. Private is what one more process costs.
 */

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '300' },
    workers: { type: 'string', default: '1' },
    'node-options': { type: 'string', default: '--max-semi-space-size=4 --max-old-space-size=192' },
    modules: { type: 'boolean', default: false },
  },
});
const [jobs, workers] = [Number(values.jobs), Number(values.workers)];
if (![jobs, workers].every((count) => Number.isInteger(count) && count >= 0 && count <= 100_000)) {
  process.stderr.write('usage: tessera bench memory [--json] [--jobs 300] [--workers 1] [--node-options="…"] [--modules]\n');
  process.exit(2);
}

const budgetMb = 120;
const clients = 8;
/** After a load, until what is left to do is done. */
const settleMs = 2_000;
const packagesShown = 12;

type Memory = { readonly name: string; readonly residentMb: number; readonly proportionalMb: number; readonly privateMb: number };
type Loaded = readonly (readonly [name: string, loaded: { readonly modules: number; readonly bytes: number }])[];

const repository = fileURLToPath(new URL('../../', import.meta.url));
const dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-bench-memory-'));
const modulesFile = path.join(dataDir, 'modules');
const nodeOptions = values.modules
  ? `${values['node-options']} --import=${new URL('./loaded-modules.js', import.meta.url).href}`
  : values['node-options'];
const env = {
  ...process.env,
  TESSERA_API_KEY: apiKey,
  NODE_OPTIONS: nodeOptions,
  MALLOC_ARENA_MAX: '2',
  TESSERA_BENCH_MODULES: modulesFile,
};
const cluster = await startCluster({ repository, dataDir, engine: 'noop', workers, env });
try {
  const processes = [...Object.values(cluster.services), ...cluster.workers];
  const memory = () => Promise.all(processes.map(({ name, pid = 0 }) => memoryOf(name, pid)));
  const ready = await memory();
  await submit(jobs);
  await delay(settleMs);
  const busy = await memory();
  if (values.json) process.stdout.write(`${JSON.stringify({ jobs, nodeOptions: values['node-options'], budgetMb, ready, busy })}\n`);
  else process.stdout.write(`${table(ready, busy)}\n`);
  if (values.modules) for (const { name, pid = 0 } of processes) process.stdout.write(`\n${name}\n${modulesTable(await modulesOf(pid))}\n`);
} finally {
  await cluster.stop();
  await rm(dataDir, { recursive: true, force: true });
}

/** Linux tells shares apart; elsewhere there is nothing to read, and zeros say so. */
async function memoryOf(name: string, pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const megabytes = (...fields: readonly string[]) =>
    fields.reduce((sum, field) => sum + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024, 0);
  return { name, residentMb: megabytes('Rss'), proportionalMb: megabytes('Pss'), privateMb: megabytes('Private_Clean', 'Private_Dirty') };
}

async function submit(count: number): Promise<void> {
  let left = count;
  const client = async () => {
    while (left-- > 0) {
      const answer = await fetch(`${cluster.url}/api/rest/v1/generations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: 'a red apple', width: 512, height: 512, num_images: 1 }),
      });
      if (!answer.ok) throw new Error(`A job was refused: ${await answer.text()}`);
      await answer.body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function modulesOf(pid: number): Promise<Loaded> {
  process.kill(pid, 'SIGUSR2');
  const file = `${modulesFile}.${pid}`;
  while (!existsSync(file)) await delay(50);
  return JSON.parse(await readFile(file, 'utf8')) as Loaded;
}

function table(ready: readonly Memory[], busy: readonly Memory[]): string {
  const cell = (value: number, width: number) => value.toFixed(0).padStart(width);
  const rows = ready.map(({ name, residentMb, proportionalMb, privateMb }, at) => {
    const after = busy[at] ?? { residentMb: 0, privateMb: 0 };
    return `${name.padEnd(11)}${cell(residentMb, 9)}${cell(proportionalMb, 14)}${cell(privateMb, 9)}${cell(after.residentMb, 20)}${cell(after.privateMb, 9)}`;
  });
  return [
    `MB when ready                              after ${jobs} jobs (budget ${budgetMb} MB)`,
    `process     resident  proportional  private            resident  private`,
    ...rows,
  ].join('\n');
}

function modulesTable(loaded: Loaded): string {
  const all = loaded.reduce((sum, [, { modules }]) => sum + modules, 0);
  const largest = [...loaded].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, packagesShown);
  return [
    `${all} modules; the largest:`,
    ...largest.map(
      ([name, { modules, bytes }]) =>
        `  ${name.padEnd(30)}${String(modules).padStart(5)} modules ${(bytes / 1024).toFixed(0).padStart(7)} KB`,
    ),
  ].join('\n');
}
