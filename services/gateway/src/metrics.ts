import { counter, distribution, latencyBuckets } from '@tessera/platform/telemetry/metrics.js';

export const httpDuration = distribution({
  name: 'tessera_http_request_duration_seconds',
  help: 'Time from the first byte of a request to the last byte of its answer, long polls and streams included.',
  labelNames: ['method', 'route', 'status'],
  buckets: latencyBuckets,
});

export const jobsSubmitted = counter({
  name: 'tessera_jobs_submitted_total',
  help: 'Jobs accepted at the public API; replays of an idempotency key apart.',
  labelNames: ['replay'],
});

export const refusals = counter({
  name: 'tessera_refusals_total',
  help: 'Requests refused over HTTP, by stable reason.',
  labelNames: ['type'],
});

export const webhookDeliveries = counter({
  name: 'tessera_webhook_attempts_total',
  help: 'Attempts to deliver a webhook, by what became of them.',
  labelNames: ['outcome'],
});
