import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { defaultPool } from '@tessera/models/model-registry.js';
import { JobFiles } from '@tessera/service-worker/loop/job-files.js';
import { Runner, type HeldModel, type Update } from '@tessera/service-worker/runner.js';
import { probeKind, probeModel, probeRequestOf, type ProbeRequest, type ProbeUnits } from './probe.js';

/** Runs one probe at a time on each of its places, unit by unit, from where an earlier attempt has come. */
@Injectable()
export class ProbeRunner extends Runner {
  override readonly kinds = [probeKind];
  override readonly capacity = { jobsPerBatchMax: 1, unitsPerBatchMax: 1_000, computingMax: 4, batchesMax: 4, warmModelsMax: 1 };
  override readonly drainMs = 0;

  constructor(private readonly files: JobFiles) {
    super();
  }

  override async describe(): Promise<readonly HeldModel[]> {
    return [{ modelId: probeModel, version: '1', pool: defaultPool }];
  }

  override async prepare(): Promise<void> {}

  override async *run(leases: readonly Lease[], signal: AbortSignal): AsyncIterable<Update> {
    for (const lease of leases) {
      const request = probeRequestOf(lease.payload);
      if (request) yield* this.#probe(lease, request, signal);
      else
        yield {
          type: 'failed',
          jobId: lease.jobId,
          reason: 'unreadable_payload',
          message: 'The job says not what to do.',
          retryable: false,
        };
    }
  }

  override async close(): Promise<void> {}

  async *#probe(lease: Lease, { units: count, sleepMs }: ProbeRequest, signal: AbortSignal): AsyncIterable<Update> {
    const { jobId, attempt } = lease;
    const before = await this.files.readCheckpoint(lease, signal);
    const units = before ? [...(JSON.parse(Buffer.from(before).toString()) as ProbeUnits)] : [];
    const content = () => Buffer.from(JSON.stringify(units));
    yield { type: 'needs_device' };
    while (units.length < count) {
      await delay(sleepMs, undefined, { signal });
      units.push({ unit: units.length + 1, attempt });
      yield { type: 'progress', jobId, step: units.length, steps: count, phase: 'sleep' };
      yield { type: 'checkpoint', jobId, step: units.length, units: units.length, content: content() };
    }
    yield { type: 'output', jobId, index: 0, contentType: 'application/json', content: content() };
    yield { type: 'finished', jobId, units: count };
  }
}
