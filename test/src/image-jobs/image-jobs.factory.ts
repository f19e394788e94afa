import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { BillingService, BillState, type ReserveRequest } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobFinishedSchema, type JobFinished } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { WorkerService } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { StorageService, type GetAssetRequest, type PutAssetsRequest } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { DiffusionEngine, type EngineDescription, type GenerateBatch, type GenerateUpdate } from '@tessera/inference/diffusion-engine.js';
import { StandIns } from '@tessera/host/testing/stand-ins.js';
import { startTestHost } from '@tessera/host/testing/test-host.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import { failedPrecondition, notFound, unavailable } from '@tessera/platform/errors.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { worker } from '@tessera/service-worker/worker.module.js';

export const model: ModelInfo = {
  modelId: 'mosaic-3d',
  name: 'Mosaic 3D',
  description: '',
  version: '1',
  aliases: ['mosaic'],
  leonardoId: 'b24e16ff-06e3-43eb-8d33-4416c2d75876',
  isDefault: true,
  nativeWidthPx: 128,
  nativeHeightPx: 128,
  minSidePx: 32,
  maxSidePx: 1024,
  defaultSteps: 20,
  maxSteps: 60,
  defaultGuidanceScale: 7,
  supportsInitImage: true,
  guidanceKinds: ['edges', 'character'],
  adapterIds: ['ink'],
};

/** One that somebody else is paid for. */
export const paidModel: ModelInfo = {
  ...model,
  modelId: 'hosted',
  aliases: [],
  leonardoId: '6f2d5c1e-0a4e-4b0e-9d53-6f0c7d0f5a11',
  isDefault: false,
  runsOnce: true,
};

function signalled(): { promise: Promise<void>; signal: () => void } {
  let signal = () => {};
  const promise = new Promise<void>((resolve) => (signal = resolve));
  return { promise, signal };
}

/** Paints at once, or when the test lets it; fails when told to. */
export class TestEngine extends DiffusionEngine {
  readonly batches: GenerateBatch[] = [];
  failures: Error[] = [];
  #gate: Promise<void> = Promise.resolve();
  #started: () => void = () => {};

  describe(): Promise<EngineDescription> {
    return Promise.resolve({ engine: 'test', models: [model, paidModel] });
  }

  /** Painting stops before its pictures until `open` is called. `generating` resolves when it has come there. */
  shut(): { open: () => void; generating: Promise<void> } {
    const gate = signalled();
    const started = signalled();
    this.#gate = gate.promise;
    this.#started = started.signal;
    return { open: gate.signal, generating: started.promise };
  }

  async *generate(batch: GenerateBatch, signal: AbortSignal): AsyncIterable<GenerateUpdate> {
    this.batches.push(batch);
    const failure = this.failures.shift();
    if (failure) throw failure;
    yield { type: 'step', step: 1, steps: batch.steps };
    this.#started();
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }));
    await Promise.race([this.#gate, aborted]);
    for (const { requestId, images } of batch.requests) {
      for (let index = 0; index < images; index++) {
        yield {
          type: 'image',
          requestId,
          index,
          image: { widthPx: batch.widthPx, heightPx: batch.heightPx, contentType: 'image/png', bytes: new Uint8Array([1, 2, 3]) },
        };
      }
    }
  }

  async warm(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Stands in for the billing service: one token a picture, every account has a hundred. */
export class Holds {
  readonly balances = new Map<string, number>();
  readonly held = new Map<string, number>();
  limits = { requestsPerMinute: 0, concurrentJobs: 0, queuedJobs: 0 };
  isDown = false;

  getAccount = () => Promise.resolve({ account: { limits: this.limits } });
  quote = () => Promise.resolve({ quote: { totalTokens: 1n } });
  reserve = async ({ accountId, jobId, compute }: ReserveRequest) => {
    if (this.isDown) throw unavailable('service_unavailable', 'Billing is down.');
    const tokens = compute?.spec.case === 'image' ? compute.spec.value.images : 0;
    const balance = this.balances.get(accountId) ?? 100;
    if (!this.held.has(jobId)) {
      if (balance < tokens) throw failedPrecondition('insufficient_tokens', 'Not enough tokens.');
      this.balances.set(accountId, balance - tokens);
      this.held.set(jobId, tokens);
    }
    return {
      bill: { jobId, state: BillState.HELD, lane: 'fast', quote: { totalTokens: BigInt(tokens) } },
      balanceTokens: BigInt(this.balances.get(accountId) ?? 0),
      limits: this.limits,
    };
  };
}

/** Stands in for the storage service. */
export class Pictures {
  readonly stored = new Map<string, PutAssetsRequest>();

  putAssets = async (request: PutAssetsRequest) => {
    for (const { assetId } of request.assets) this.stored.set(assetId, request);
    return {
      assets: request.assets.map((asset) => ({
        ...asset,
        $typeName: undefined,
        accountId: request.accountId,
        sizeBytes: BigInt(asset.data.length),
        sha256: 'ab',
      })),
    };
  };
  getAsset = async ({ accountId, assetId }: GetAssetRequest) => {
    if (this.stored.get(assetId)?.accountId !== accountId) throw notFound('unknown_asset', 'There is no such picture.');
    return {};
  };
  readAsset = async function* () {
    yield { part: { case: 'data' as const, value: new Uint8Array([9]) } };
  };
}

/** The services that make pictures of a request, on a real store in a folder of their own, with a worker or without, between stand-ins for billing and storage. */
export async function openImageJobs({ withWorker = true } = {}) {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-image-jobs-'));
  const engine = new TestEngine();
  const holds = new Holds();
  const pictures = new Pictures();

  const start = async () => {
    // Tests that claim by hand must not compete with a worker.
    const services = [jobs, generation, ...(withWorker ? [worker] : [])];
    const hosted = await startTestHost(services, {
      config: { dataDir },
      replace: {
        models: new ModelRegistry([model, paidModel], {}),
        engine,
        standIns: new StandIns([BillingService, holds], [StorageService, pictures]),
      },
    });
    return { hosted, client: hosted.client(GenerationService), jobs: hosted.client(JobService), worker: hosted.client(WorkerService) };
  };
  let running = await start();
  const stop = () => running.hosted.close();
  return {
    engine,
    holds,
    pictures,
    get client() {
      return running.client;
    },
    get jobs() {
      return running.jobs;
    },
    get worker() {
      return running.worker;
    },
    get<T>(token: abstract new (...parameters: never[]) => T): T {
      return running.hosted.get(token);
    },
    async finishedEvents(): Promise<JobFinished[]> {
      const { store } = running.hosted.ports;
      if (!store || !('eventLog' in store)) throw new Error('The single profile logs events beside the documents.');
      const logged = await store.eventLog.read([JobFinishedSchema.typeName], 0, 1_000);
      return logged.map(({ data }) => fromBinary(JobFinishedSchema, data));
    },
    async restart(): Promise<void> {
      await stop();
      running = await start();
    },
    async close(): Promise<void> {
      await stop();
      await fs.rm(dataDir, { recursive: true, force: true });
    },
  };
}
