import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { isTracing, recordSpan, spanTimeMs, startSpan, type Span } from '@tessera/platform/telemetry/span.js';
import { withTraceparent } from '@tessera/platform/trace.js';
import type { Phase } from '../runner.js';
import { batchJobs, computing, enginePhase } from './worker-metrics.js';

/** Shorter waits are the time it takes to look. */
const waitMsMin = 1;

/** A leased job: its span, and the context that all work on it carries on, recorded or not. */
export type JobTrace = { readonly span: Span; readonly traceparent: string | undefined };

/** From claimed to completed or failed, below the wait in the queue. */
export function jobTrace({ jobId, accountId, kind, work, attempt, traceparent }: Lease, workerId: string): JobTrace {
  const parent = traceparent || undefined;
  const span = startSpan('run job', {
    kind: 'consumer',
    parent,
    attributes: {
      'tessera.job.id': jobId,
      'tessera.job.kind': kind,
      'tessera.account.id': accountId,
      'tessera.worker.id': workerId,
      'tessera.model.id': work?.modelId,
      'tessera.job.attempt': attempt,
    },
  });
  return { span, traceparent: span.traceparent ?? parent };
}

/**
 * The time that a batch has the device. It stands in the trace of its first job and links to the others, whose spans link back: the usual batch of one is a plain branch of
 * its job's trace, and from any job of a larger one the batch is one click away.
 */
export class BatchSpans {
  #span: Span | undefined;
  #model = '';
  #steps: { readonly step: number; readonly atMs: number }[] = [];
  #hasBegun = false;

  /** Whether the batch has had the device. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The batch had to wait for the device to be free. */
  waited(jobs: readonly JobTrace[], startMs: number): void {
    const endMs = spanTimeMs();
    if (!isTracing() || endMs - startMs < waitMsMin) return;
    for (const { traceparent } of jobs) recordSpan('wait for engine', { parent: traceparent, startMs, endMs });
  }

  async around<T>(jobs: readonly JobTrace[], of: Lease | undefined, units: number, compute: () => Promise<T>): Promise<T> {
    const [first, ...mates] = jobs;
    const links = mates.flatMap(({ traceparent }) => (traceparent === undefined ? [] : [traceparent]));
    const model = of?.work?.modelId ?? '';
    const attributes = {
      'tessera.job.kind': of?.kind,
      'tessera.model.id': model,
      'tessera.batch.jobs': jobs.length,
      'tessera.batch.units': units,
    };
    const span = startSpan('run batch', { parent: first?.traceparent, links, attributes });
    if (span.traceparent !== undefined) for (const mate of mates) mate.span.link(span.traceparent);
    this.#span = span;
    this.#model = model;
    this.#hasBegun = true;
    batchJobs.observe(jobs.length, { model });
    const startedMs = performance.now();
    let outcome = 'failed';
    try {
      const computed = await withTraceparent(span.traceparent ?? first?.traceparent, compute);
      outcome = 'computed';
      return computed;
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      computing.observe((performance.now() - startedMs) / 1_000, { model, outcome }, span.traceparent);
      span.end();
    }
  }

  step(step: number): void {
    if (isTracing()) this.#steps.push({ step, atMs: spanTimeMs() });
  }

  phase({ phase, startMs, endMs, jobId, index }: Phase): void {
    const parent = this.#span?.traceparent;
    enginePhase.observe((endMs - startMs) / 1_000, { phase, model: this.#model }, parent);
    if (parent === undefined) return;
    const span = startSpan(`engine ${phase}`, { parent, startMs, attributes: { 'tessera.job.id': jobId, 'tessera.output.index': index } });
    if (phase === 'denoise') for (const { step, atMs } of this.#steps) span.event('step', { 'tessera.step': step }, atMs);
    span.end(endMs);
  }
}
