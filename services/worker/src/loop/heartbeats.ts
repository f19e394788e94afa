import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CheckpointSchema, JobPreviewSchema, JobProgressSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Logger } from '@tessera/platform/logger.js';
import { inTrace } from '@tessera/platform/trace.js';
import type { WorkerClient } from './worker-clients.js';

/** Progress reaches watchers at most ten times a second: more is not seen, and each one is a call. */
const progressEveryMs = 100;
/** Leases are renewed at least this often without progress to report; the answer is also how a cancelled job is noticed. */
const beatEveryMsMax = 10_000;
/** After one that failed, when there is something to report. */
const retryMs = 1_000;
/** Heartbeats that fit into a lease. */
const beatsPerLease = 3;

type Progress = MessageInitShape<typeof JobProgressSchema>;
type Preview = MessageInitShape<typeof JobPreviewSchema>;
export type StoredCheckpoint = MessageInitShape<typeof CheckpointSchema>;
export type HeldLease = { readonly jobId: string; readonly leaseId: string };

export type HeartbeatTools = {
  readonly worker: Pick<WorkerClient, 'heartbeat'>;
  readonly workerId: string;
  readonly held: () => readonly HeldLease[];
  readonly drop: (jobIds: readonly string[]) => void;
  /** The shortest lease of the batch; 0 when the queue names none. */
  readonly leaseMs: number;
  readonly logger: Logger;
};

/** Renews the leases of a batch, all in one call, reports its progress and checkpoints, and learns which of its jobs to drop. One call at a time; what comes meanwhile is folded into the next. */
export class Heartbeats {
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  /** Of every job that has none of its own. */
  #sharedProgress: Progress | undefined;
  #progress = new Map<string, Progress>();
  /** The newest preview of each output. */
  #previews = new Map<string, Map<number, Preview>>();
  /** Kept until a heartbeat that carried it was answered. */
  readonly #checkpoints = new Map<string, StoredCheckpoint>();
  readonly #beatEveryMs: number;
  #isStopped = true;
  #isSoon = false;
  #lastBeatMs = 0;

  constructor(private readonly tools: HeartbeatTools) {
    this.#beatEveryMs = Math.min(beatEveryMsMax, tools.leaseMs > 0 ? tools.leaseMs / beatsPerLease : beatEveryMsMax);
  }

  start(): void {
    this.#isStopped = false;
    this.#lastBeatMs = performance.now();
    this.#arm(this.#beatEveryMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
  }

  progress(jobId: string | undefined, progress: Progress): void {
    if (jobId === undefined) this.#sharedProgress = progress;
    else this.#progress.set(jobId, progress);
    this.#soon();
  }

  preview(jobId: string, preview: Preview): void {
    const ofJob = this.#previews.get(jobId) ?? new Map<number, Preview>();
    this.#previews.set(jobId, ofJob.set(preview.index ?? 0, preview));
    this.#soon();
  }

  checkpoint(jobId: string, checkpoint: StoredCheckpoint): void {
    this.#checkpoints.set(jobId, checkpoint);
    this.#soon();
  }

  /** Resolves once every checkpoint has been reported, or could not be: an attempt that ends now would otherwise lose its last one. */
  async flush(): Promise<void> {
    await this.#beating;
    if (this.#checkpoints.size > 0) await this.#beatNow();
  }

  /** A batch that is faster than this never sends a heartbeat. */
  #soon(): void {
    if (this.#beating || this.#isSoon) return;
    this.#isSoon = true;
    this.#arm(Math.max(0, progressEveryMs - (performance.now() - this.#lastBeatMs)));
  }

  #arm(waitMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    // In no trace: a long job would be little else than its heartbeats.
    this.#timer = inTrace(undefined, () =>
      setTimeout(() => {
        this.#isSoon = false;
        void this.#beatNow();
      }, waitMs).unref(),
    );
  }

  #beatNow(): Promise<void> {
    this.#beating = this.#beat().then((hasAnswered) => {
      this.#beating = undefined;
      const reportMs = hasAnswered ? progressEveryMs : retryMs;
      this.#arm(this.#hasReports() ? reportMs : this.#beatEveryMs);
    });
    return this.#beating;
  }

  #hasReports(): boolean {
    return this.#sharedProgress !== undefined || this.#progress.size > 0 || this.#previews.size > 0 || this.#checkpoints.size > 0;
  }

  /** Answers whether the queue did. */
  async #beat(): Promise<boolean> {
    this.#lastBeatMs = performance.now();
    const leases = this.#takeReports();
    if (leases.length === 0) return true;
    try {
      const { stopJobIds } = await this.tools.worker.heartbeat({ workerId: this.tools.workerId, leases });
      for (const { jobId, checkpoint } of leases)
        if (checkpoint && this.#checkpoints.get(jobId) === checkpoint) this.#checkpoints.delete(jobId);
      if (stopJobIds.length > 0) this.tools.drop(stopJobIds);
      return true;
    } catch (error) {
      // The next beat renews as well; the lease outlives two that are lost.
      this.tools.logger.warn({ err: error }, 'a heartbeat failed');
      return false;
    }
  }

  #takeReports() {
    const [shared, progresses, previews] = [this.#sharedProgress, this.#progress, this.#previews];
    this.#sharedProgress = undefined;
    this.#progress = new Map();
    this.#previews = new Map();
    const held = this.tools.held();
    for (const jobId of this.#checkpoints.keys()) if (!held.some((lease) => lease.jobId === jobId)) this.#checkpoints.delete(jobId);
    return held.map(({ jobId, leaseId }) => {
      const progress = progresses.get(jobId) ?? shared;
      const checkpoint = this.#checkpoints.get(jobId);
      return {
        jobId,
        leaseId,
        ...(progress ? { progress } : {}),
        previews: [...(previews.get(jobId)?.values() ?? [])],
        ...(checkpoint ? { checkpoint } : {}),
      };
    });
  }
}
