import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import type { EngineHealth } from './loop/engine-health.js';

/** A model whose jobs a worker can run. */
export type HeldModel = {
  readonly modelId: string;
  /** Version of its weights, which a completed job is marked with. */
  readonly version: string;
  /** Pool of workers that its jobs are queued for. */
  readonly pool: string;
};

export type RunnerCapacity = {
  readonly jobsPerBatchMax: number;
  /** Sum of Work.units over a batch. */
  readonly unitsPerBatchMax: number;
  /** Batches that have the device side by side; 1 where they would only slow each other down. */
  readonly computingMax: number;
  /** Batches that are leased at once: those that have the device, and others whose inputs are read or whose outputs are stored meanwhile. */
  readonly batchesMax: number;
  /** Models that stay loaded after use. */
  readonly warmModelsMax: number;
};

/** Whole where it fits into one message, else a stream. */
export type Content = Uint8Array | AsyncIterable<Uint8Array>;

/** Times are milliseconds since 1970, fractions included. */
export type Phase = {
  readonly type: 'phase';
  readonly phase: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Absent: the whole batch. */ readonly jobId?: string;
  readonly index?: number;
};
export type Progress = {
  readonly type: 'progress';
  /** Absent: every job of the batch. */ readonly jobId?: string;
  readonly step: number;
  readonly steps: number;
  readonly phase?: string;
};
export type Preview = {
  readonly type: 'preview';
  readonly jobId: string;
  readonly index: number;
  readonly step: number;
  readonly contentType: string;
  readonly data: Uint8Array;
};
export type Notice = { readonly type: 'notice'; readonly jobId: string; readonly kind: string; readonly message: string };
/** `units` is what has been delivered up to here, of the whole job and not of this attempt alone. */
export type CheckpointMade = {
  readonly type: 'checkpoint';
  readonly jobId: string;
  readonly step: number;
  readonly units: number;
  readonly content: Content;
};
/** `index` picks one of the ids that the lease gives; sizes of what is no picture are absent. */
export type OutputMade = {
  readonly type: 'output';
  readonly jobId: string;
  readonly index: number;
  readonly contentType: string;
  readonly content: Content;
  readonly widthPx?: number;
  readonly heightPx?: number;
};
export type Finished = { readonly type: 'finished'; readonly jobId: string; readonly units: number };
export type Failed = {
  readonly type: 'failed';
  readonly jobId: string;
  readonly reason: string;
  readonly message: string;
  readonly retryable: boolean;
};

/**
 * What becomes of a leased batch. A runner reads its inputs, says `needs_device` once, and is asked for its next update only when the device is free: what it computes
 * after that is what the jobs are charged for.
 */
export type Update =
  | { readonly type: 'needs_device' }
  | Phase
  | Progress
  | Preview
  | Notice
  | CheckpointMade
  | OutputMade
  | Finished
  | Failed;

/** What a worker does with jobs of some kinds. All around it is the loop's: claims, leases, heartbeats, storing, reporting, drain. */
export abstract class Runner {
  /** Kinds of jobs that it runs; a batch holds jobs of one kind. */
  abstract readonly kinds: readonly string[];
  abstract readonly capacity: RunnerCapacity;
  /** How long a batch may go on after the worker is told to stop, before its jobs return to the queue. */
  abstract readonly drainMs: number;

  /** Nothing is claimed while it is not fit; undefined: nobody checks. */
  get health(): EngineHealth | undefined {
    return undefined;
  }

  /** What it holds, in all pools. */
  abstract describe(): Promise<readonly HeldModel[]>;

  /** Called once, before the first claim, with the models that will be claimed for. */
  abstract prepare(modelIds: readonly string[]): Promise<void>;

  /**
   * Every job ends with `finished` or `failed`, each once; one that has neither when the updates end failed for a reason that a repeat may mend. An error fails all jobs
   * that have not ended. When the signal aborts, it stops at the next step, after a last checkpoint where it makes any.
   */
  abstract run(leases: readonly Lease[], signal: AbortSignal): AsyncIterable<Update>;

  abstract close(): Promise<void>;
}
