import type { MessageInitShape } from '@bufbuild/protobuf';
import type { JobPreviewSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Logger } from '@tessera/platform/logger.js';
import { inTrace } from '@tessera/platform/trace.js';
import type { WorkerClient } from './worker-clients.js';

/** Progress reaches watchers at most ten times a second: more is not seen, and each one is a call. */
const progressEveryMs = 100;
/** Without progress to report, leases are renewed this often: three beats fit into a lease. */
const beatEveryMs = 10_000;

type Preview = MessageInitShape<typeof JobPreviewSchema>;
type Held = { readonly jobId: string; readonly leaseId: string };

/** Tells the queue, for all jobs of a batch in one call, that their worker lives and how far it is, and hears which of them to drop. One call at a time; what comes meanwhile is folded into the next. */
export class Heartbeats {
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #progress: { step: number; steps: number } | undefined;
  /** The newest preview of each picture. */
  #previews = new Map<string, Map<number, Preview>>();
  #isStopped = true;
  #isSoon = false;
  #lastBeatMs = 0;

  constructor(
    private readonly worker: WorkerClient,
    private readonly workerId: string,
    private readonly held: () => readonly Held[],
    private readonly drop: (jobIds: readonly string[]) => void,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#isStopped = false;
    this.#lastBeatMs = performance.now();
    this.#arm(beatEveryMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
  }

  step(step: number, steps: number): void {
    this.#progress = { step, steps };
    this.#soon();
  }

  preview(jobId: string, preview: Preview): void {
    const ofJob = this.#previews.get(jobId) ?? new Map<number, Preview>();
    this.#previews.set(jobId, ofJob.set(preview.index ?? 0, preview));
    this.#soon();
  }

  /** A batch that is painted faster than this never sends a heartbeat. */
  #soon(): void {
    if (this.#beating || this.#isSoon) return;
    this.#isSoon = true;
    this.#arm(Math.max(0, progressEveryMs - (performance.now() - this.#lastBeatMs)));
  }

  #arm(waitMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    // In no trace: a long job would be little else than its heartbeats.
    this.#timer = inTrace(undefined, () => setTimeout(() => {
      this.#isSoon = false;
      this.#beating = this.#beat().finally(() => {
        this.#beating = undefined;
        const hasNews = this.#progress !== undefined || this.#previews.size > 0;
        this.#arm(hasNews ? progressEveryMs : beatEveryMs);
      });
    }, waitMs).unref());
  }

  async #beat(): Promise<void> {
    this.#lastBeatMs = performance.now();
    const progress = this.#progress;
    const previews = this.#previews;
    this.#progress = undefined;
    this.#previews = new Map();
    const leases = this.held().map(({ jobId, leaseId }) => ({ jobId, leaseId, ...(progress ? { progress } : {}), previews: [...(previews.get(jobId)?.values() ?? [])] }));
    if (leases.length === 0) return;
    try {
      const { stopJobIds } = await this.worker.heartbeat({ workerId: this.workerId, leases });
      if (stopJobIds.length > 0) this.drop(stopJobIds);
    } catch (error) {
      // The next beat renews as well; the lease outlives three that are lost.
      this.logger.warn({ err: error }, 'a heartbeat failed');
    }
  }
}
