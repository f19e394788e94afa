import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import type { Logger } from '@tessera/platform/logger.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import { withTraceparent } from '@tessera/platform/trace.js';
import type { CheckpointMade, Failed, Notice, OutputMade, Runner, Update } from '../runner.js';
import { BatchSpans, jobTrace, type JobTrace } from './batch-spans.js';
import type { Device } from './device.js';
import {
  deliver,
  engineLost,
  failureOf,
  handedBack,
  hasReason,
  notStored,
  isUnavailable,
  paidElsewhere,
  unfinished,
  type Failure,
} from './failures.js';
import { Heartbeats, type HeldLease } from './heartbeats.js';
import type { JobFiles } from './job-files.js';
import type { WorkerClient } from './worker-clients.js';
import { paidUnfinished, storing } from './worker-metrics.js';

export type BatchTools = {
  readonly workerId: string;
  readonly worker: WorkerClient;
  readonly files: JobFiles;
  readonly runner: Runner;
  readonly device: Device;
  readonly logger: Logger;
  /** Version by id of the models that the worker claims for. */
  readonly modelVersions: ReadonlyMap<string, string>;
};

type Piece = {
  readonly lease: Lease;
  readonly trace: JobTrace;
  readonly outputs: Map<number, OutputMade>;
  readonly notices: Notice[];
  /** Set once the runner has said how it ended. */
  end: { readonly units: number } | Failure | undefined;
  /** Reported, or no longer ours. */
  isDropped: boolean;
};

const unitsOf = ({ lease }: Piece): number => lease.work?.units ?? 0;

/** One claimed batch on its way through its runner into storage. Every job of it ends here: completed, failed, handed back, or dropped because it is no longer ours. */
export class BatchRun {
  readonly #pieces: Map<string, Piece>;
  readonly #stop = new AbortController();
  readonly #heartbeats: Heartbeats;
  readonly #spans = new BatchSpans();
  #isHandedBack = false;
  /** Milliseconds of the device, and the units that they are shared by; undefined until the batch has had it. */
  #device: { readonly ms: number; readonly units: number } | undefined;

  constructor(
    leases: readonly Lease[],
    private readonly tools: BatchTools,
  ) {
    const { worker, workerId, logger } = tools;
    this.#pieces = new Map(leases.map((lease) => [lease.jobId, pieceOf(lease, workerId)]));
    const leaseMs = Math.min(...leases.map((lease) => Number(lease.leaseMs) || Number.POSITIVE_INFINITY));
    this.#heartbeats = new Heartbeats({
      worker,
      workerId,
      held: () => this.#held(),
      drop: (jobIds) => this.#drop(jobIds),
      leaseMs: Number.isFinite(leaseMs) ? leaseMs : 0,
      logger,
    });
  }

  /** Stops the runner; what has not finished goes back to the queue. */
  handBack(): void {
    this.#isHandedBack = true;
    this.#stop.abort();
  }

  /** Resolves when every job of the batch has ended here. */
  async ended(): Promise<void> {
    this.#heartbeats.start();
    try {
      const failure = await this.#run();
      await Promise.all(this.#left().map((piece) => this.#settle(piece, failure)));
    } finally {
      await this.#heartbeats.stop();
      for (const { trace } of this.#pieces.values()) trace.span.end();
    }
  }

  #held(): HeldLease[] {
    return this.#left().map(({ lease: { jobId, leaseId } }) => ({ jobId, leaseId }));
  }

  #left(): Piece[] {
    return [...this.#pieces.values()].filter(({ isDropped }) => !isDropped);
  }

  #drop(jobIds: readonly string[]): void {
    for (const jobId of jobIds) {
      const piece = this.#pieces.get(jobId);
      if (piece) piece.isDropped = true;
    }
    if (this.#left().length === 0) this.#stop.abort();
  }

  /** Answers why the batch failed, or nothing when it did not. */
  async #run(): Promise<Failure | undefined> {
    const leases = this.#left().map(({ lease, trace }) => ({ ...lease, traceparent: trace.traceparent ?? '' }));
    const updates = this.tools.runner.run(leases, this.#stop.signal)[Symbol.asyncIterator]();
    try {
      const needsDevice = await this.#take(updates);
      if (needsDevice) await this.#withDevice(updates);
      return undefined;
    } catch (error) {
      const paid = paidElsewhere(error);
      if (paid) {
        paidUnfinished.inc({ reason: paid.reason });
        return paid;
      }
      if (this.#isHandedBack) return handedBack;
      return isUnavailable(error) && (await this.tools.runner.health?.isLost()) ? engineLost : failureOf(error, this.#left().length === 1);
    } finally {
      await updates.return?.();
    }
  }

  async #withDevice(updates: AsyncIterator<Update>): Promise<void> {
    const { permits, time } = this.tools.device;
    const waitingFromMs = spanTimeMs();
    await permits.acquire();
    const pieces = this.#left();
    const traces = pieces.map(({ trace }) => trace);
    this.#spans.waited(traces, waitingFromMs);
    const startedMs = performance.now();
    const units = pieces.reduce((sum, piece) => sum + unitsOf(piece), 0);
    try {
      // Without jobs nothing is left to compute: all of them ended while their inputs were read, or were dropped.
      if (pieces.length > 0 && !this.#stop.signal.aborted)
        await this.#spans.around(traces, pieces[0]?.lease, units, async () => void (await this.#take(updates)));
    } finally {
      permits.release();
      this.#device = { ms: time.taken(startedMs, performance.now()) * 1_000, units };
    }
  }

  /** Answers true at `needs_device`, false at the end. */
  async #take(updates: AsyncIterator<Update>): Promise<boolean> {
    for (;;) {
      const { done, value } = await updates.next();
      if (done === true) return false;
      if (value.type === 'needs_device') return true;
      if (value.type === 'progress') this.#progressed(value);
      else if (value.type === 'phase') this.#spans.phase(value);
      else await this.#takeOfJob(value);
    }
  }

  #progressed({ jobId, step, steps, phase = '' }: Extract<Update, { type: 'progress' }>): void {
    this.#spans.step(step);
    this.#heartbeats.progress(jobId, { step, steps, phase });
  }

  async #takeOfJob(update: Exclude<Update, { type: 'needs_device' | 'progress' | 'phase' }>): Promise<void> {
    const piece = this.#pieces.get(update.jobId);
    if (!piece || piece.isDropped) return;
    if (update.type === 'preview') this.#heartbeats.preview(update.jobId, update);
    else if (update.type === 'notice') piece.notices.push(update);
    else if (update.type === 'output') piece.outputs.set(update.index, update);
    else if (update.type === 'checkpoint') await this.#keep(piece, update);
    else if (update.type === 'finished') piece.end = { units: update.units };
    else await this.#failed(piece, update);
  }

  /** A checkpoint that cannot be stored costs the next attempt some work, and this one nothing. The one before is reported first: storage keeps two of a job, and the queue must know one of them. */
  async #keep(piece: Piece, checkpoint: CheckpointMade): Promise<void> {
    const { jobId } = piece.lease;
    try {
      await this.#heartbeats.flush();
      this.#heartbeats.checkpoint(
        jobId,
        await withTraceparent(piece.trace.traceparent, () => this.tools.files.storeCheckpoint(piece.lease, checkpoint)),
      );
    } catch (error) {
      this.tools.logger.warn({ err: error, jobId, step: checkpoint.step }, 'a checkpoint could not be stored');
    }
  }

  /** What failed before it had the device is reported at once; the share of the others is known only at the end. */
  async #failed(piece: Piece, { reason, message, retryable }: Failed): Promise<void> {
    piece.end = { reason, message, retryable };
    if (!this.#spans.hasBegun) await this.#fail(piece, piece.end);
  }

  async #settle(piece: Piece, failure: Failure | undefined): Promise<void> {
    const end = piece.end ?? failure ?? (this.#stop.signal.aborted ? handedBack : unfinished);
    if ('reason' in end) return this.#fail(piece, end);
    try {
      await withTraceparent(piece.trace.traceparent, () => this.#storeAndComplete(piece, end.units));
    } catch (error) {
      if (hasReason(error, 'lease_lost')) return;
      await this.#fail(piece, notStored);
      this.tools.logger.warn({ err: error, jobId: piece.lease.jobId }, 'outputs could not be delivered');
    }
  }

  async #storeAndComplete(piece: Piece, unitsDelivered: number): Promise<void> {
    const { worker, files, modelVersions } = this.tools;
    const { jobId, leaseId, work } = piece.lease;
    const storingFromMs = performance.now();
    const outputs = await files.storeOutputs(piece.lease, piece.outputs.values());
    const completion = {
      jobId,
      leaseId,
      outputs,
      notices: piece.notices.map(({ kind, message }) => ({ kind, message })),
      modelVersion: modelVersions.get(work?.modelId ?? '') ?? '',
      computeMs: BigInt(Math.round(this.#device?.ms ?? 0)),
      storingMs: BigInt(Math.round(performance.now() - storingFromMs)),
      gpuSeconds: this.#gpuSecondsOf(piece),
      unitsDelivered,
    };
    storing.observe(Number(completion.storingMs) / 1_000);
    await deliver(() => worker.complete(completion));
    piece.isDropped = true;
    piece.trace.span.end();
  }

  async #fail(piece: Piece, { reason, message, retryable, countsNoAttempt = false }: Failure): Promise<void> {
    await this.#heartbeats.flush();
    piece.isDropped = true;
    piece.trace.span.fail({ reason, message });
    const { jobId, leaseId } = piece.lease;
    const report = { jobId, leaseId, failure: { reason, message }, retryable, gpuSeconds: this.#gpuSecondsOf(piece), countsNoAttempt };
    try {
      await withTraceparent(piece.trace.traceparent, () => deliver(() => this.tools.worker.fail(report)));
    } catch (error) {
      // The lease runs out, which returns the job as well.
      if (!hasReason(error, 'lease_lost')) this.tools.logger.warn({ err: error, jobId }, 'a failure could not be reported');
    }
  }

  /** Its share of the batch's time on the device. */
  #gpuSecondsOf(piece: Piece): number {
    if (this.#device === undefined || this.#device.units === 0) return 0;
    return ((this.#device.ms / 1_000) * unitsOf(piece)) / this.#device.units;
  }
}

const pieceOf = (lease: Lease, workerId: string): Piece => ({
  lease,
  trace: jobTrace(lease, workerId),
  outputs: new Map(),
  notices: [],
  end: undefined,
  isDropped: false,
});
