import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type LedgerState = { readonly entries: number; readonly openHolds: number; readonly findings: number; readonly waitedMs: number };

export type BenchServer = {
  readonly url: string;
  readonly key: string;
  /** The books once every hold is closed, or as they are when that takes too long; settlement follows the jobs by events. */
  settledLedger(): Promise<LedgerState>;
  stop(): Promise<void>;
};

const launcher = fileURLToPath(new URL('../../tessera', import.meta.url));

/** `tessera up` as people run it, in a process and a data folder of its own, on free ports. */
export async function startServer({ engine }: { engine: 'onnx' | 'noop' }): Promise<BenchServer> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-bench-'));
  const key = randomUUID();
  const child = spawn(launcher, ['up', '--engine', engine, '--port', '0', '--grpc-port', '0', '--data', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      PATH: [path.dirname(process.execPath), process.env['PATH']].join(path.delimiter),
      TESSERA_SKIP_BUILD: '1',
      TESSERA_API_KEY: key,
    },
  });
  const exited = once(child, 'exit');
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Tessera is ready')) resolve();
    });
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    await rm(dataDir, { recursive: true, force: true });
  };
  await Promise.race([ready, exited.then(() => Promise.reject(new Error('The server ended before it was ready.')))]);
  const { url } = JSON.parse(await readFile(path.join(dataDir, 'server.json'), 'utf8')) as { url: string };
  return { url, key, stop, settledLedger: () => settledLedger(url, key) };
}

const settlementWaitMs = 15_000;
const recheckMs = 100;

async function settledLedger(url: string, key: string): Promise<LedgerState> {
  const startMs = performance.now();
  for (;;) {
    const summary = await audit(url, key);
    const waitedMs = performance.now() - startMs;
    if (summary.openHolds === 0 || waitedMs >= settlementWaitMs)
      return { entries: summary.entries, openHolds: summary.openHolds, findings: summary.findings, waitedMs };
    await delay(recheckMs);
  }
}

async function audit(url: string, key: string): Promise<Omit<LedgerState, 'waitedMs'>> {
  const answer = await fetch(`${url}/api/rest/v1/audit`, { headers: { authorization: `Bearer ${key}` } });
  const last = (await answer.text()).trim().split('\n').at(-1) ?? '{}';
  const { summary } = JSON.parse(last) as { summary?: Omit<LedgerState, 'waitedMs'> };
  if (!summary) throw new Error(`The audit broke off: ${last.slice(0, 200)}`);
  return summary;
}

export type Counters = { readonly cpuSeconds?: number; readonly rssBytes?: number; readonly commitGroups?: number };

/** From `/metrics`; a counter that the server does not have stays absent. */
export async function readCounters({ url }: Pick<BenchServer, 'url'>): Promise<Counters> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string) => {
    const value = new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+-]+)$`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const [cpuSeconds, rssBytes, commitGroups] = [
    read('process_cpu_seconds_total'),
    read('process_resident_memory_bytes'),
    read('tessera_store_commit_groups_total'),
  ];
  return {
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
    ...(rssBytes === undefined ? {} : { rssBytes }),
    ...(commitGroups === undefined ? {} : { commitGroups }),
  };
}
