import { configFromEnvironment } from '@tessera/platform/config.js';
import { startWorker } from './worker.js';

/** The profile asks for the addresses of stores, and a worker has none: it knows the services only. */
const config = configFromEnvironment(process.env, { profile: 'single' });

try {
  const worker = await startWorker(config);
  process.stdout.write(`${JSON.stringify({ ready: 'worker', workerId: worker.workerId, url: worker.healthUrl })}\n`);
  const stop = () => void worker.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`The worker did not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
