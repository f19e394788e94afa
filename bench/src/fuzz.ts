import { parseArgs } from 'node:util';
import { Client } from '@tessera/test/client.js';
import { fuzzRun } from '@tessera/test/fuzz-run.js';
import { startServer } from './bench-server.js';

/** `./tessera bench fuzz [--requests 20000] [--seed 1] [--clients 16]`: wrong requests of every kind against a running server. */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '16' },
  },
});

const server = await startServer({ engine: 'noop' });
try {
  const report = await fuzzRun(new Client(server, server.key), {
    requests: Number(values.requests),
    seed: Number(values.seed),
    clients: Number(values.clients),
  });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.complaints.length === 0 ? 0 : 1;
} finally {
  await server.stop();
}
