import { collectDefaultMetrics, Counter, Histogram, register } from 'prom-client';

/** A process may host the gateway more than once (tests do); a metric is made once. */
function once<T>(name: string, make: () => T): T {
  return (register.getSingleMetric(name) as T | undefined) ?? make();
}

export const httpDuration = once(
  'tessera_http_request_duration_seconds',
  () =>
    new Histogram({
      name: 'tessera_http_request_duration_seconds',
      help: 'Time from the first byte of a request to the last byte of its answer, long polls and streams included.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    }),
);

export const jobsSubmitted = once(
  'tessera_jobs_submitted_total',
  () => new Counter({ name: 'tessera_jobs_submitted_total', help: 'Jobs accepted at the public API; replays of an idempotency key apart.', labelNames: ['replay'] }),
);

export const refusals = once(
  'tessera_refusals_total',
  () => new Counter({ name: 'tessera_refusals_total', help: 'Requests refused over HTTP, by stable reason.', labelNames: ['type'] }),
);

export const webhookDeliveries = once(
  'tessera_webhook_attempts_total',
  () => new Counter({ name: 'tessera_webhook_attempts_total', help: 'Attempts to deliver a webhook, by what became of them.', labelNames: ['outcome'] }),
);

export function collectProcessMetrics(): void {
  if (!register.getSingleMetric('process_cpu_user_seconds_total')) collectDefaultMetrics();
}
