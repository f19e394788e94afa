import { anyPack } from '@bufbuild/protobuf/wkt';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Controller, Inject, Module, type DynamicModule } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import {
  LeaseSchema,
  WorkerService,
  type ClaimRequestSchema,
  type CompleteRequestSchema,
  type DeregisterRequestSchema,
  type FailRequestSchema,
  type HeartbeatRequestSchema,
  type ReclaimRequestSchema,
  type Lease,
} from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import {
  StorageService,
  type PutAssetsRequestSchema,
  type PutCheckpointRequestSchema,
  type PutOutputRequestSchema,
  type ReadAssetRequestSchema,
  type ReadCheckpointRequestSchema,
} from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { ServiceDefinition } from '@tessera/host/service-definition.js';
import { notFound, TesseraError } from '@tessera/platform/errors.js';
import { currentTraceparent } from '@tessera/platform/trace.js';
import { callSignal, streamOf, type RpcCall } from '@tessera/rpc/streams.js';

type Calls = {
  readonly claim: MessageInitShape<typeof ClaimRequestSchema>;
  readonly heartbeat: MessageInitShape<typeof HeartbeatRequestSchema>;
  readonly complete: MessageInitShape<typeof CompleteRequestSchema>;
  readonly fail: MessageInitShape<typeof FailRequestSchema>;
  readonly deregister: MessageInitShape<typeof DeregisterRequestSchema>;
  readonly reclaim: MessageInitShape<typeof ReclaimRequestSchema>;
};
type Call = { [K in keyof Calls]: { readonly call: K; readonly request: Calls[K] } }[keyof Calls];

/** Answers as the jobs service does, with the batches that a spec offers; keeps the calls in their order. */
export class QueueStandIn {
  readonly calls: Call[] = [];
  readonly batches: Lease[][] = [];
  stopJobIds: readonly string[] = [];
  /** Thrown by the next calls that report an end, one each. */
  refusals: TesseraError[] = [];
  #onCall: () => void = () => {};
  #wakeClaims: () => void = () => {};

  of<K extends keyof Calls>(call: K): Calls[K][] {
    return this.calls.flatMap((made) => (made.call === call ? [made.request as Calls[K]] : []));
  }

  async received(call: keyof Calls, count = 1): Promise<void> {
    while (this.of(call).length < count) await new Promise<void>((resolve) => (this.#onCall = resolve));
  }

  offer(...leases: Lease[]): void {
    this.batches.push(leases);
    this.#wakeClaims();
  }

  async claim(request: Calls['claim'], { signal }: { signal?: AbortSignal } = {}): Promise<{ leases: Lease[] }> {
    this.#note({ call: 'claim', request });
    if (this.batches.length === 0)
      await new Promise<void>(
        (resolve) => ((this.#wakeClaims = resolve), signal?.addEventListener('abort', () => resolve(), { once: true })),
      );
    return { leases: signal?.aborted ? [] : (this.batches.shift() ?? []) };
  }

  async heartbeat(request: Calls['heartbeat']): Promise<{ stopJobIds: string[] }> {
    this.#note({ call: 'heartbeat', request });
    return { stopJobIds: [...this.stopJobIds] };
  }

  async complete(request: Calls['complete']): Promise<{ state: JobState }> {
    this.#note({ call: 'complete', request });
    this.#refuse();
    return { state: JobState.SUCCEEDED };
  }

  async fail(request: Calls['fail']): Promise<{ state: JobState }> {
    this.#note({ call: 'fail', request });
    this.#refuse();
    return { state: JobState.QUEUED };
  }

  async deregister(request: Calls['deregister']): Promise<{ returned: number }> {
    this.#note({ call: 'deregister', request });
    return { returned: 0 };
  }

  async reclaim(request: Calls['reclaim']): Promise<{ returned: number }> {
    this.#note({ call: 'reclaim', request });
    return { returned: 0 };
  }

  #refuse(): void {
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
  }

  #note(call: Call): void {
    this.calls.push(call);
    this.#onCall();
  }
}

/** Keeps assets in memory, and in which trace context they were stored. */
export class StorageStandIn {
  readonly assets = new Map<string, Uint8Array>();
  readonly storedIn = new Map<string, string | undefined>();
  /** Sizes of the messages that carried bytes of a stream. */
  readonly pieceBytes: number[] = [];
  readonly #checkpoints = new Map<number, Uint8Array>();
  /** Thrown by the next calls, one each. */
  refusals: TesseraError[] = [];

  async putAssets({ jobId = '', assets = [] }: MessageInitShape<typeof PutAssetsRequestSchema>) {
    this.#refuse();
    this.storedIn.set(jobId, currentTraceparent());
    for (const { assetId = '', data = new Uint8Array() } of assets) this.assets.set(assetId, data);
    return { assets: assets.map(({ data, ...asset }) => ({ ...asset, sizeBytes: BigInt(data?.byteLength ?? 0), sha256: '' })) };
  }

  async putOutput(messages: AsyncIterable<MessageInitShape<typeof PutOutputRequestSchema>>) {
    const { header, data } = await this.#taken(messages);
    this.assets.set(header.assetId ?? '', data);
    return { output: { ...header, sizeBytes: BigInt(data.byteLength) } };
  }

  async putCheckpoint(messages: AsyncIterable<MessageInitShape<typeof PutCheckpointRequestSchema>>) {
    const {
      header: { step = 0, units = 0, sha256 = '' },
      data,
    } = await this.#taken(messages);
    this.#checkpoints.set(step, data);
    return { checkpoint: { key: `step-${step}`, step, units, digest: sha256 } };
  }

  async *readCheckpoint({ step = 0 }: MessageInitShape<typeof ReadCheckpointRequestSchema>) {
    this.#refuse();
    yield { data: this.#checkpoints.get(step) ?? new Uint8Array() };
  }

  async *readAsset({ assetId = '' }: MessageInitShape<typeof ReadAssetRequestSchema>) {
    const data = this.assets.get(assetId);
    if (!data) throw notFound('unknown_asset', 'There is no such picture.');
    yield { part: { case: 'data' as const, value: data } };
  }

  async #taken<Header>(
    messages: AsyncIterable<{ part?: { case: 'header'; value: Header } | { case: 'data'; value: Uint8Array } | { case?: undefined } }>,
  ) {
    this.#refuse();
    const parts: Uint8Array[] = [];
    let header: Header | undefined;
    for await (const { part } of messages) {
      if (part?.case === 'header') header = part.value;
      if (part?.case === 'data') parts.push(part.value);
    }
    this.pieceBytes.push(...parts.map(({ byteLength }) => byteLength));
    if (!header) throw new Error('A stream begins with its header.');
    return { header, data: Buffer.concat(parts) };
  }

  #refuse(): void {
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
  }
}

@Controller()
class QueueController {
  constructor(@Inject(QueueStandIn) private readonly queue: QueueStandIn) {}

  @GrpcMethod(WorkerService.typeName)
  claim(request: Calls['claim'], _metadata: unknown, call: RpcCall) {
    return this.queue.claim(request, { signal: callSignal(call) });
  }

  @GrpcMethod(WorkerService.typeName)
  heartbeat(request: Calls['heartbeat']) {
    return this.queue.heartbeat(request);
  }

  @GrpcMethod(WorkerService.typeName)
  complete(request: Calls['complete']) {
    return this.queue.complete(request);
  }

  @GrpcMethod(WorkerService.typeName)
  fail(request: Calls['fail']) {
    return this.queue.fail(request);
  }

  @GrpcMethod(WorkerService.typeName)
  deregister(request: Calls['deregister']) {
    return this.queue.deregister(request);
  }

  @GrpcMethod(WorkerService.typeName)
  reclaim(request: Calls['reclaim']) {
    return this.queue.reclaim(request);
  }
}

@Controller()
class StorageController {
  constructor(@Inject(StorageStandIn) private readonly storage: StorageStandIn) {}

  @GrpcMethod(StorageService.typeName)
  putAssets(request: MessageInitShape<typeof PutAssetsRequestSchema>) {
    return this.storage.putAssets(request);
  }

  @GrpcMethod(StorageService.typeName)
  readAsset(request: MessageInitShape<typeof ReadAssetRequestSchema>) {
    return streamOf(() => this.storage.readAsset(request));
  }
}

@Module({})
class StandInModule {
  static with(queue: QueueStandIn, storage: StorageStandIn): DynamicModule {
    return {
      module: StandInModule,
      controllers: [QueueController, StorageController],
      providers: [
        { provide: QueueStandIn, useValue: queue },
        { provide: StorageStandIn, useValue: storage },
      ],
    };
  }
}

/** Both as a service that a host can run. */
export const standIns = (queue: QueueStandIn, storage: StorageStandIn): ServiceDefinition => ({
  name: 'stand-ins',
  module: StandInModule.with(queue, storage),
  contracts: [WorkerService, StorageService],
  uses: [],
  calls: [],
});

/** A leased job of a picture, or of as many as are asked for. */
export function imageLease(
  jobId: string,
  modelId: string,
  {
    images = 1,
    steps = 2,
    initImageId = '',
    traceparent = '',
  }: { images?: number; steps?: number; initImageId?: string; traceparent?: string } = {},
): Lease {
  const request = create(ImageRequestSchema, {
    prompt: 'apple',
    modelId,
    widthPx: 512,
    heightPx: 512,
    steps,
    guidanceScale: 7,
    images,
    style: 'NONE',
    ...(initImageId === '' ? {} : { initImage: { assetId: initImageId, strength: 0.5 } }),
  });
  return lease(jobId, { kind: 'image', modelId, units: images, traceparent, payload: anyPack(ImageRequestSchema, request) });
}

export function lease(
  jobId: string,
  {
    kind = 'test',
    modelId = 'tiny',
    units = 1,
    leaseMs = 30_000,
    ...more
  }: { kind?: string; modelId?: string; units?: number; leaseMs?: number; traceparent?: string; payload?: Lease['payload'] } = {},
): Lease {
  const outputIds = Array.from({ length: units }, (_, index) => `${jobId}-output-${index}`);
  return create(LeaseSchema, {
    leaseId: `lease-of-${jobId}`,
    jobId,
    accountId: 'ann',
    kind,
    leaseMs: BigInt(leaseMs),
    work: { pool: 'default', modelId, units, size: units },
    outputIds,
    attempt: 1,
    ...more,
  });
}
