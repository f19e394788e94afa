import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tessera/platform/clock.js';
import { emptyAccount } from './ledger/account.js';
import { imageOf } from './ledger/store/account.documents.js';
import { audited, newDataDir, openBilling, type TestBilling } from './billing.fixture.js';
import { evolve } from './ledger/evolve.js';
import { canonical } from './ledger/hash.js';
import { randomOf } from './random.fixture.js';

const worker = fileURLToPath(new URL('./fault-worker.fixture.js', import.meta.url));
const isNightly = process.env['TESSERA_NIGHTLY'] === '1';
/** Decides commands, repeats, clock jumps and kills; which of two clients is faster it does not decide. */
const seed = Number(process.env['TESSERA_SEED'] ?? (isNightly ? Date.now() % 1_000_000 : 20_261_121));
const runs = isNightly ? 60 : 3;
/** So often a full disk may be met before the process is killed on it. */
const failuresMax = 300;
/** Of `ulimit -f`. */
const blockBytes = 1_024;

type Reported = {
  readonly settled: Map<string, number>;
  readonly released: Set<string>;
  readonly bought: Set<string>;
  failures: number;
  nowMs: number;
};

/** Room for the database to open, and less than its log grows to before it begins anew. */
const almostFull = async (dataDir: string): Promise<number> => (await stat(path.join(dataDir, 'tessera.db'))).size + 1_000_000;

/** One life of the worker, ended by kill -9 after so many lines. With `fileBytesMax` no file can grow beyond it: the disk is full. */
async function live(dataDir: string, run: number, killAfter: number, reported: Reported, fileBytesMax?: number): Promise<void> {
  const args = [worker, dataDir, String(seed), String(run), String(reported.nowMs), ...(fileBytesMax === undefined ? [] : ['may-fail'])];
  const limited = ['-c', `ulimit -f ${Math.ceil((fileBytesMax ?? 0) / blockBytes)}; exec "$0" "$@"`, process.execPath, ...args];
  const child =
    fileBytesMax === undefined
      ? spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      : spawn('bash', limited, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (piece) => (errors += String(piece)));
  const closed = once(child, 'close');
  let lines = 0;
  for await (const line of readline.createInterface({ input: child.stdout })) {
    record(line.split(' '), reported);
    if (++lines === killAfter || reported.failures === failuresMax) child.kill('SIGKILL');
  }
  const [code, signal] = (await closed) as [number | null, string | null];
  if (signal !== 'SIGKILL' && fileBytesMax === undefined)
    throw new Error(`Seed ${seed}, run ${run}: the worker ended with ${code ?? signal}: ${errors}`);
}

function record([word, account, id, value]: string[], reported: Reported): void {
  const name = `${account} ${id}`;
  if (word === 'settled') reported.settled.set(name, Number(value));
  else if (word === 'released') reported.released.add(name);
  else if (word === 'bought') reported.bought.add(name);
  else if (word === 'failed') reported.failures++;
  else if (word === 'at') reported.nowMs = Math.max(reported.nowMs, Number(account));
}

/** What was acknowledged and is not so. */
async function brokenPromises(billing: TestBilling, { settled, released, bought }: Reported): Promise<string[]> {
  const broken: string[] = [];
  for (const [name, chargedTokens] of settled) {
    const [account = '', job = ''] = name.split(' ');
    const { bill } = await billing.statements.bill(account, job, 0);
    if (bill.state !== 'settled' || bill.chargedTokens !== chargedTokens)
      broken.push(`${name} was charged ${chargedTokens}, and is ${bill.state} with ${bill.chargedTokens}`);
  }
  for (const name of released) {
    const [account = '', job = ''] = name.split(' ');
    if ((await billing.statements.bill(account, job, 0)).bill.state !== 'released') broken.push(`${name} was released`);
  }
  for (const name of bought) {
    const [account = '', order = ''] = name.split(' ');
    if (!(await billing.store.entry(account, `topup:${order}`))) broken.push(`${name} was bought`);
  }
  return broken;
}

describe('a run with faults from a seed', () => {
  it(
    'loses and makes no token, charges nothing twice and is rebuilt byte for byte by its entries',
    async () => {
      const random = randomOf(seed);
      const dataDir = await newDataDir();
      const reported: Reported = { settled: new Map(), released: new Set(), bought: new Set(), failures: 0, nowMs: Date.UTC(2026, 0, 30) };
      for (let run = 0; run < runs; run++) await live(dataDir, run, 500 + random.below(2_500), reported);
      await live(dataDir, runs, 20_000, reported, await almostFull(dataDir));
      await live(dataDir, runs + 1, 1_000, reported);

      const billing = await openBilling(dataDir, new ManualClock(reported.nowMs));
      try {
        await billing.dueWork.sweep();
        const { findings, summary } = await audited(billing.audit);
        expect({ seed, findings, broken: await brokenPromises(billing, reported) }).toEqual({ seed, findings: [], broken: [] });
        expect(summary.balance + summary.held + summary.spent + summary.expired).toBe(summary.granted);
        for (let id = await billing.documents.accountIdAfter(''); id !== undefined; id = await billing.documents.accountIdAfter(id)) {
          const rebuilt = emptyAccount(id);
          for (
            let page = await billing.documents.entriesAfter(id, 0);
            page.length > 0;
            page = await billing.documents.entriesAfter(id, rebuilt.sequence)
          )
            for (const entry of page) evolve(rebuilt, entry);
          expect(canonical(imageOf(rebuilt))).toBe(canonical(await billing.documents.image(id)));
        }
        expect({ settledEnough: reported.settled.size > 50, diskWasFull: reported.failures > 0 }).toEqual({
          settledEnough: true,
          diskWasFull: true,
        });
      } finally {
        await billing.close();
      }
    },
    isNightly ? 1_800_000 : 180_000,
  );
});
