import { counter, distribution, sizeBuckets, waitBuckets } from '@tessera/platform/telemetry/metrics.js';

export const batchJobs = distribution({
  name: 'tessera_batch_jobs',
  help: 'Jobs run together.',
  labelNames: ['model'],
  buckets: sizeBuckets,
});

/** For all outputs of a batch together, or for one, as the phase is. */
export const enginePhase = distribution({
  name: 'tessera_engine_phase_seconds',
  help: 'Time of one phase of a batch.',
  labelNames: ['phase', 'model'],
  buckets: waitBuckets,
});

export const computing = distribution({
  name: 'tessera_engine_batch_seconds',
  help: 'Time that a batch had the device, whole.',
  labelNames: ['model', 'outcome'],
  buckets: waitBuckets,
});

export const storing = distribution({
  name: 'tessera_worker_storing_seconds',
  help: "From a job's last output to its outputs being stored.",
  buckets: waitBuckets,
});

export const paidUnfinished = counter({
  name: 'tessera_worker_paid_unfinished_total',
  help: 'Jobs that ended without their outputs although somebody else may have to be paid for them, by reason.',
  labelNames: ['reason'],
});
for (const reason of ['outcome_unknown', 'paid_unfinished']) paidUnfinished.inc({ reason }, 0);
