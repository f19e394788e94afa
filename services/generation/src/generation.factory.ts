import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { create, fromBinary, toBinary, type DescMessage, type DescMethodServerStreaming, type DescMethodUnary, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { BillingService, BillState, type ReserveRequest } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService, WorkerService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobFinishedSchema, type JobFinished } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { StorageService, type GetAssetRequest, type PutAssetsRequest } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { Documents } from '@tessera/documents/documents.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { DiffusionEngine, type EngineDescription, type ModelInfo, type PaintBatch, type PaintUpdate } from '@tessera/inference/diffusion-engine.js';
import { Clock, SystemClock } from '@tessera/platform/clock.js';
import { Config, parseConfig } from '@tessera/platform/config.js';
import { failedPrecondition, notFound, unavailable } from '@tessera/platform/errors.js';
import { createLogger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { Rpc, type CallOptions } from '@tessera/rpc/rpc.js';
import type { Observable } from 'rxjs';
import { EmbeddedWorker } from './embedded-worker.js';
import { GenerationController } from './generation.controller.js';
import { GenerationModule } from './generation.module.js';
import { WorkerController } from './worker.controller.js';

export const model: ModelInfo = {
  modelId: 'mosaic-3d', name: 'Mosaic 3D', description: '', version: '1', aliases: ['mosaic'], leonardoId: 'b24e16ff-06e3-43eb-8d33-4416c2d75876', isDefault: true,
  nativeWidthPx: 128, nativeHeightPx: 128, minSidePx: 32, maxSidePx: 1024, defaultSteps: 20, maxSteps: 60, defaultGuidanceScale: 7, supportsInitImage: true, guidanceKinds: ['edges', 'character'], adapterIds: ['ink'],
};

function signalled(): { promise: Promise<void>; signal: () => void } {
  let signal = () => {};
  const promise = new Promise<void>((resolve) => (signal = resolve));
  return { promise, signal };
}

/** Paints at once, or when the test lets it; fails when told to. */
export class TestEngine extends DiffusionEngine {
  readonly batches: PaintBatch[] = [];
  failures: Error[] = [];
  #gate: Promise<void> = Promise.resolve();
  #started: () => void = () => {};

  describe(): Promise<EngineDescription> {
    return Promise.resolve({ engine: 'test', models: [model] });
  }

  /** Painting stops before its pictures until `open` is called. `painting` resolves when it has come there. */
  shut(): { open: () => void; painting: Promise<void> } {
    const gate = signalled();
    const started = signalled();
    this.#gate = gate.promise;
    this.#started = started.signal;
    return { open: gate.signal, painting: started.promise };
  }

  async *paint(batch: PaintBatch, signal: AbortSignal): AsyncIterable<PaintUpdate> {
    this.batches.push(batch);
    const failure = this.failures.shift();
    if (failure) throw failure;
    yield { type: 'step', step: 1, steps: batch.steps };
    this.#started();
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }));
    await Promise.race([this.#gate, aborted]);
    for (const { requestId, images } of batch.requests) {
      for (let index = 0; index < images; index++) {
        yield { type: 'image', requestId, index, image: { widthPx: batch.widthPx, heightPx: batch.heightPx, contentType: 'image/png', bytes: new Uint8Array([1, 2, 3]) } };
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
    if (this.isDown) throw unavailable('down', 'Billing is down.');
    const tokens = compute?.spec.case === 'image' ? compute.spec.value.images : 0;
    const balance = this.balances.get(accountId) ?? 100;
    if (!this.held.has(jobId)) {
      if (balance < tokens) throw failedPrecondition('insufficient_tokens', 'Not enough tokens.');
      this.balances.set(accountId, balance - tokens);
      this.held.set(jobId, tokens);
    }
    return { bill: { jobId, state: BillState.HELD, lane: 'fast', quote: { totalTokens: BigInt(tokens) } }, balanceTokens: BigInt(this.balances.get(accountId) ?? 0), limits: this.limits };
  };
}

/** Stands in for the storage service. */
export class Pictures {
  readonly stored = new Map<string, PutAssetsRequest>();

  putAssets = async (request: PutAssetsRequest) => {
    for (const { assetId } of request.assets) this.stored.set(assetId, request);
    return { assets: request.assets.map((asset) => ({ ...asset, $typeName: undefined, accountId: request.accountId, sizeBytes: BigInt(asset.data.length), sha256: 'ab' })) };
  };
  getAsset = async ({ accountId, assetId }: GetAssetRequest) => {
    if (this.stored.get(assetId)?.accountId !== accountId) throw notFound('asset_not_found', 'There is no such picture.');
    return {};
  };
  readAsset = async function* () {
    yield { part: { case: 'data' as const, value: new Uint8Array([9]) } };
  };
}

type Handler = Record<string, (request: unknown, metadata: unknown, call: unknown) => unknown>;

/** Calls handlers directly, with the bytes made and read again as on the wire. */
class DirectRpc extends Rpc {
  readonly handlers = new Map<string, object>();
  readonly #opened = signalled();

  /** Calls wait until all handlers are known. */
  open(): void {
    this.#opened.signal();
  }

  async unary<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>, request: MessageInitShape<I>, { signal }: CallOptions = {}): Promise<MessageShape<O>> {
    await this.#opened.promise;
    const reply = await this.#invoke(method, request, signal);
    return sent(method.output, reply as MessageInitShape<O>);
  }

  async *stream<I extends DescMessage, O extends DescMessage>(method: DescMethodServerStreaming<I, O>, request: MessageInitShape<I>, { signal }: CallOptions = {}): AsyncGenerator<MessageShape<O>> {
    const replies = this.#invoke(method, request, signal) as AsyncIterable<MessageInitShape<O>> | Observable<MessageInitShape<O>>;
    for await (const reply of Symbol.asyncIterator in replies ? replies : iterate(replies)) yield sent(method.output, reply);
  }

  async close(): Promise<void> {}

  #invoke(method: DescMethodUnary | DescMethodServerStreaming, request: unknown, signal?: AbortSignal): unknown {
    const handler = this.handlers.get(method.parent.typeName) as Handler | undefined;
    const call = { cancelled: signal?.aborted ?? false, once: (_: string, listener: () => void) => signal?.addEventListener('abort', listener, { once: true }) };
    return handler?.[method.localName]?.(sent(method.input, request as MessageInitShape<DescMessage>), {}, call);
  }
}

const sent = <M extends DescMessage>(schema: M, init: MessageInitShape<M>): MessageShape<M> => fromBinary(schema, toBinary(schema, create(schema, init)));

async function* iterate<T>(source: Observable<T>): AsyncGenerator<T> {
  const items: T[] = [];
  let wake = () => {};
  let end: { error?: unknown } | undefined;
  const subscription = source.subscribe({
    next: (item) => (items.push(item), wake()),
    error: (error: unknown) => ((end = { error }), wake()),
    complete: () => ((end = {}), wake()),
  });
  try {
    for (;;) {
      while (items.length > 0) yield items.shift() as T;
      if (end) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (end.error) throw end.error;
  } finally {
    subscription.unsubscribe();
  }
}

@Global()
@Module({})
class TestPorts {
  static with(ports: readonly (readonly [token: unknown, value: unknown])[]): DynamicModule {
    const providers = ports.map(([provide, useValue]) => ({ provide: provide as symbol, useValue }));
    return { module: TestPorts, providers, exports: providers.map(({ provide }) => provide) };
  }
}

@Module({})
class TestHost {}

/** The service on a real store in a folder of its own, with its worker, between stand-ins for billing and storage. */
export async function openGeneration({ withWorker = true } = {}) {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-generation-'));
  const config = parseConfig({ dataDir, engine: 'onnx', logLevel: 'silent' });
  const engine = new TestEngine();
  const holds = new Holds();
  const pictures = new Pictures();

  const start = async () => {
    const store = await openDocuments({ dataDir });
    const cache = await openCache();
    const rpc = new DirectRpc();
    const ports = [
      [Config, config], [LOGGER, createLogger('silent', 'generation')], [Clock, new SystemClock()], [Documents, store.documents], [Cache, cache],
      [DiffusionEngine, engine], [Rpc, rpc],
    ] as const;
    rpc.handlers.set(BillingService.typeName, holds).set(StorageService.typeName, pictures);
    const app = await NestFactory.createApplicationContext({ module: TestHost, imports: [TestPorts.with(ports), GenerationModule] }, { logger: false, abortOnError: false });
    rpc.handlers.set(GenerationService.typeName, app.get(GenerationController, { strict: false })).set(WorkerService.typeName, app.get(WorkerController, { strict: false }));
    rpc.open();
    // Tests that claim by hand must not compete with it.
    if (!withWorker) await app.get(EmbeddedWorker, { strict: false }).onModuleDestroy();
    return { store, cache, rpc, app, client: rpc.client(GenerationService), worker: rpc.client(WorkerService) };
  };
  let running = await start();
  const stop = async () => {
    await running.app.close();
    running.cache.close();
    await running.store.close();
  };
  return {
    engine, holds, pictures,
    get client() {
      return running.client;
    },
    get worker() {
      return running.worker;
    },
    get<T>(token: abstract new (...parameters: never[]) => T): T {
      return running.app.get(token as never, { strict: false });
    },
    async finishedEvents(): Promise<JobFinished[]> {
      const logged = await running.store.eventLog.read([JobFinishedSchema.typeName], 0, 1_000);
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
