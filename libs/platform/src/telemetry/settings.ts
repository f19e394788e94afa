import { z } from 'zod';

const endpoint = z.url({ protocol: /^(https?|file)$/, error: 'an endpoint begins with http:, https: or file:' });
const count = (max: number) => z.coerce.number().int().min(1).max(max);

/** What of OpenTelemetry's variables (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) is decided by us; endpoint, headers, time limits and compression its exporters read themselves. */
export const telemetrySettings = z.object({
  /** Where each signal goes: to a collector at `http:` or `https:`, or as OTLP JSON lines to the end of a `file:`; absent: nowhere. */
  traces: endpoint.optional(),
  metrics: endpoint.optional(),
  sampler: z.enum(['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio']).default('parentbased_always_on'),
  samplerRatio: z.coerce.number().min(0).max(1).default(1),
  /** Spans that wait to be exported; more are dropped, and the log says so. */
  spansWaitingMax: count(1_000_000).default(8_192),
  spansPerExportMax: count(100_000).default(512),
  spansEveryMs: count(600_000).default(5_000),
  metricsEveryMs: count(3_600_000).default(60_000),
});
export type TelemetrySettings = z.infer<typeof telemetrySettings>;

const variables: Record<string, keyof TelemetrySettings> = {
  OTEL_TRACES_SAMPLER: 'sampler',
  OTEL_TRACES_SAMPLER_ARG: 'samplerRatio',
  OTEL_BSP_MAX_QUEUE_SIZE: 'spansWaitingMax',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 'spansPerExportMax',
  OTEL_BSP_SCHEDULE_DELAY: 'spansEveryMs',
  OTEL_METRIC_EXPORT_INTERVAL: 'metricsEveryMs',
};

/** Undefined when there is nowhere to send anything: then nothing of OpenTelemetry is loaded. */
export function telemetryFromEnvironment(env: NodeJS.ProcessEnv): Record<string, unknown> | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined;
  const [traces, metrics] = [endpointOf(env, 'TRACES'), endpointOf(env, 'METRICS')];
  if (traces === undefined && metrics === undefined) return undefined;
  const protocol = env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? 'http/protobuf';
  if (protocol !== 'http/protobuf') throw new Error(`OTEL_EXPORTER_OTLP_PROTOCOL: ${protocol} is not spoken here; use http/protobuf, to a collector's port 4318.`);
  const set = Object.entries(variables).flatMap(([name, key]) => (env[name] ? [[key, env[name]]] : []));
  return { traces, metrics, ...Object.fromEntries(set) };
}

function endpointOf(env: NodeJS.ProcessEnv, signal: string): string | undefined {
  const isExported = (env[`OTEL_${signal}_EXPORTER`] ?? 'otlp') === 'otlp';
  return isExported ? env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || undefined : undefined;
}
