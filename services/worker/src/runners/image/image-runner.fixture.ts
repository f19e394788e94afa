import { openEngine } from '@tessera/inference/open-engine.js';
import { parseConfig } from '@tessera/platform/config.js';
import { HealthChecks } from '@tessera/platform/health.js';
import { createLogger } from '@tessera/platform/logger.js';
import { QueueStandIn, StorageStandIn } from '../../stand-ins.fixture.js';
import { WorkerProcess } from '../../worker-process.js';
import { ImageRunner } from './image-runner.js';

/** The runner on the engine that answers at once, beside a stand-in of storage. */
export async function openImageRunner() {
  const logger = createLogger('silent', 'test');
  const engine = await openEngine({ engine: 'noop', threads: 1, logger });
  const queue = new QueueStandIn();
  const storage = new StorageStandIn();
  const config = parseConfig({ dataDir: '/nowhere', engine: 'noop' });
  const runner = new ImageRunner(
    engine,
    config,
    logger,
    { client: () => storage } as never,
    new WorkerProcess(config, ['jobs', 'worker']),
    new HealthChecks(),
  );
  const modelId = (await engine.describe()).models[0]!.modelId;
  return { queue, storage, runner, modelId, close: () => engine.close() };
}
