import { counter, distribution, sizeBuckets, waitBuckets } from '@tessera/platform/telemetry/metrics.js';

export const batchJobs = distribution({ name: 'tessera_batch_jobs', help: 'Jobs painted together.', labelNames: ['model'], buckets: sizeBuckets });

/** For all pictures of a batch together, or for one picture, as the phase is. */
export const enginePhase = distribution({ name: 'tessera_engine_phase_seconds', help: 'Time of one phase of painting.', labelNames: ['phase', 'model'], buckets: waitBuckets });

export const painting = distribution({ name: 'tessera_engine_batch_seconds', help: 'Time of painting a batch, whole.', labelNames: ['model', 'outcome'], buckets: waitBuckets });

export const storing = distribution({ name: 'tessera_worker_storing_seconds', help: "From a job's last picture to its pictures being stored.", buckets: waitBuckets });

export const canaryPictures = counter({ name: 'tessera_engine_canaries_total', help: 'Tiny pictures that an idle worker painted to see whether its engine still can, by how that ended.', labelNames: ['outcome'] });
canaryPictures.inc({ outcome: 'painted' }, 0);
canaryPictures.inc({ outcome: 'failed' }, 0);
