import os from 'node:os';
import { WorkerService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { serveHealth } from '@tessera/host/health-server.js';
import { addressesOf } from '@tessera/host/peers.js';
import { observeProcess } from '@tessera/host/port-metrics.js';
import type { DiffusionEngine, GenerateBatch } from '@tessera/inference/diffusion-engine.js';
import { openEngine } from '@tessera/inference/open-engine.js';
import { capacityOf } from '@tessera/jobs/engine-capacity.js';
import { WorkerLoop } from '@tessera/jobs/worker-loop.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { openModelRegistry } from '@tessera/models/open-model-registry.js';
import type { Config } from '@tessera/platform/config.js';
import { HealthChecks } from '@tessera/platform/health.js';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import { startTelemetry } from '@tessera/platform/telemetry/start-telemetry.js';
import { openRemoteRpc } from '@tessera/rpc/open-remote-rpc.js';
import { Canary } from './canary.js';
import { podAccess, PodDeletionCost } from './pod.js';

const canarySecondsDefault = 60;

export type Worker = { readonly workerId: string; readonly healthUrl: string | undefined; close(): Promise<void> };

/** A process that pulls jobs from the generation service and paints them. It has no contract of its own, no store and no secret. */
export async function startWorker(config: Config): Promise<Worker> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step();
  };
  const workerId = config.workerId ?? `${os.hostname()}-${process.pid}`;
  const logger = createLogger(config.logLevel, workerId);
  try {
    const telemetry = await startTelemetry(config.telemetry, 'tessera-worker', logger);
    closers.push(() => telemetry.close());
    const addresses = addressesOf(config.peers);
    for (const contract of [WorkerService, StorageService]) if (!addresses.has(contract.typeName)) throw new Error('A worker needs the generation and the storage service: set TESSERA_PEERS, for example to generation=127.0.0.1:9003,storage=127.0.0.1:9002.');
    const engine = await openEngine({ engine: config.engine, modelsDir: config.modelsDir, threads: config.engineThreads, tritonUrl: config.tritonUrl, logger });
    closers.push(() => engine.close());
    const models = (await openModelRegistry(config)).inPool(config.pool);
    const first = models.find(({ isDefault }) => isDefault) ?? models[0];
    if (!first) throw new Error(`There is no model to paint with in the pool "${config.pool}": see TESSERA_MODELS, TESSERA_POOL and TESSERA_MODEL_POOLS.`);
    await engine.warm(first.modelId);
    const rpc = openRemoteRpc(addresses);
    closers.push(() => rpc.close());
    const parts = await openParts(config, engine, models, first, logger, closers);
    const loop = new WorkerLoop(rpc.client(WorkerService), rpc.client(StorageService), engine, logger, { workerId, ...parts.options });
    loop.start();
    closers.push(() => loop.stop());
    closers.push(() => parts.stopping());
    return { workerId, healthUrl: parts.healthUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openParts(config: Config, engine: DiffusionEngine, models: readonly ModelInfo[], first: ModelInfo, logger: Logger, closers: (() => Promise<void> | void)[]) {
  let heldJobs = 0;
  const everyMs = (config.canarySeconds ?? canarySecondsDefault) * 1_000;
  const canary = new Canary({ engine, logger, batch: tinyBatch(first), everyMs, isIdle: () => heldJobs === 0 });
  canary.start();
  closers.push(() => canary.stop());
  const access = await podAccess();
  const deletionCost = access && new PodDeletionCost(access, logger);
  if (deletionCost) closers.push(() => deletionCost.close());
  const health = new HealthChecks({ engine: async () => canary.demandFit() });
  observeProcess(health);
  const healthServer = config.healthPort > 0 ? await serveHealth(config.healthPort, config.httpHost, health) : undefined;
  healthServer?.started();
  closers.push(() => healthServer?.close());
  const onHeld = (jobs: number) => {
    heldJobs = jobs;
    deletionCost?.holds(jobs);
  };
  deletionCost?.holds(0);
  const modelVersions = new Map(models.map(({ modelId, version }) => [modelId, version]));
  const options = { pool: config.pool, modelVersions, drainMs: config.drainSeconds * 1_000, warmModelsMax: 1, health: canary, onHeld, ...capacityOf[config.engine] };
  return { options, stopping: () => healthServer?.stopping(), healthUrl: healthServer && `http://${config.httpHost}:${config.healthPort}` };
}

const tinyBatch = ({ modelId, minSidePx, defaultGuidanceScale }: ModelInfo): GenerateBatch => ({
  modelId, widthPx: minSidePx, heightPx: minSidePx, steps: 1, guidanceScale: defaultGuidanceScale, previewEverySteps: 0,
  requests: [{ requestId: 'canary', prompt: 'an apple', negativePrompt: '', seed: 1, images: 1, style: 'NONE' }],
});
