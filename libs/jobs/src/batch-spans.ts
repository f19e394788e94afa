import type { Lease } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { GenerateUpdate } from '@tessera/inference/diffusion-engine.js';
import { isTracing, recordSpan, spanTimeMs, startSpan, type Span } from '@tessera/platform/telemetry/span.js';
import { withTraceparent } from '@tessera/platform/trace.js';
import { batchJobs, enginePhase, painting } from './engine-metrics.js';

/** Shorter waits are the time it takes to look. */
const waitMsMin = 1;

/** A job in a worker's hands: its span, and the context that all work on it carries on, recorded or not. */
export type JobTrace = { readonly span: Span; readonly traceparent: string | undefined };

/** From claimed to completed or failed, below the wait in the queue. */
export function jobTrace({ job, traceparent }: Lease, workerId: string): JobTrace {
  const parent = traceparent || undefined;
  const span = startSpan('run job', {
    kind: 'consumer',
    parent,
    attributes: { 'tessera.job.id': job?.jobId, 'tessera.account.id': job?.accountId, 'tessera.worker.id': workerId, 'tessera.model.id': job?.request?.modelId, 'tessera.job.attempt': job?.attempt },
  });
  return { span, traceparent: span.traceparent ?? parent };
}

/**
 * The painting of a batch. It stands in the trace of its first job and links to the others, whose spans link back: the usual batch of one is a plain branch of its
 * job's trace, and from any job of a larger one the painting is one click away.
 */
export class PaintingSpans {
  #span: Span | undefined;
  #model = '';
  #steps: { readonly step: number; readonly atMs: number }[] = [];

  /** The batch had to wait for the engine to be free. */
  waited(jobs: readonly JobTrace[], startMs: number): void {
    const endMs = spanTimeMs();
    if (!isTracing() || endMs - startMs < waitMsMin) return;
    for (const { traceparent } of jobs) recordSpan('wait for engine', { parent: traceparent, startMs, endMs });
  }

  async around<T>(jobs: readonly JobTrace[], { modelId, images, steps, widthPx, heightPx }: { modelId: string; images: number; steps: number; widthPx: number; heightPx: number }, paint: () => Promise<T>): Promise<T> {
    const [first, ...mates] = jobs;
    const links = mates.flatMap(({ traceparent }) => (traceparent === undefined ? [] : [traceparent]));
    const attributes = { 'tessera.model.id': modelId, 'tessera.batch.jobs': jobs.length, 'tessera.batch.images': images, 'tessera.batch.steps': steps, 'tessera.image.width_px': widthPx, 'tessera.image.height_px': heightPx };
    const span = startSpan('paint batch', { parent: first?.traceparent, links, attributes });
    if (span.traceparent !== undefined) for (const mate of mates) mate.span.link(span.traceparent);
    this.#span = span;
    this.#model = modelId;
    batchJobs.observe(jobs.length, { model: modelId });
    const startedMs = performance.now();
    let outcome = 'failed';
    try {
      const painted = await withTraceparent(span.traceparent ?? first?.traceparent, paint);
      outcome = 'painted';
      return painted;
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      painting.observe((performance.now() - startedMs) / 1_000, { model: modelId, outcome }, span.traceparent);
      span.end();
    }
  }

  step(step: number): void {
    if (isTracing()) this.#steps.push({ step, atMs: spanTimeMs() });
  }

  phase({ phase, startMs, endMs, requestId, index }: Extract<GenerateUpdate, { type: 'phase' }>): void {
    const parent = this.#span?.traceparent;
    enginePhase.observe((endMs - startMs) / 1_000, { phase, model: this.#model }, parent);
    if (parent === undefined) return;
    const span = startSpan(`engine ${phase}`, { parent, startMs, attributes: { 'tessera.job.id': requestId, 'tessera.image.index': index } });
    if (phase === 'denoise') for (const { step, atMs } of this.#steps) span.event('step', { 'tessera.step': step }, atMs);
    span.end(endMs);
  }
}
