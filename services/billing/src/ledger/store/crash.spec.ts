import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { audited, newDataDir, openBilling } from '../../billing.fixture.js';

const worker = fileURLToPath(new URL('./crash-worker.fixture.js', import.meta.url));

/** Runs billing in a process of its own and kills it after so many acknowledgements; what it had acknowledged by then. */
async function killedAfter(acknowledgements: number, dataDir: string, run: number): Promise<string[]> {
  const child = spawn(process.execPath, [worker, dataDir, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  for await (const line of readline.createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === acknowledgements) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return lines;
}

describe('a crash', () => {
  it('loses nothing that was acknowledged and leaves a clean ledger, time after time', async () => {
    const dataDir = await newDataDir();
    const acknowledged: string[] = [];
    for (const [run, acknowledgements] of [40, 333, 1_001].entries())
      acknowledged.push(...(await killedAfter(acknowledgements, dataDir, run)));
    const billing = await openBilling(dataDir);
    const bills = await Promise.all(
      acknowledged.map(async (line) => ({ line, bill: (await billing.statements.bill('acme', line.split(' ')[1] ?? '', 0)).bill })),
    );
    const lost = bills.filter(({ line, bill }) => line.startsWith('settled') && bill.state !== 'settled');
    const { findings } = await audited(billing.audit);
    await billing.close();
    expect(acknowledged.length).toBeGreaterThanOrEqual(40 + 333 + 1_001);
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  });
});
